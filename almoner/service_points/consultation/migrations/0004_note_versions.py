import django.db.models.deletion
from django.db import migrations, models

import almoner.kernel.tenancy


class Migration(migrations.Migration):
    dependencies = [("consultation", "0003_notes")]

    operations = [
        migrations.AddField(
            model_name="consultationnote",
            name="replaces",
            field=almoner.kernel.tenancy.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="consultation.consultationnote",
            ),
        ),
        migrations.AddConstraint(
            model_name="consultationnote",
            constraint=models.UniqueConstraint(fields=["hospital_id", "replaces"], name="note_replaced_once"),
        ),
        # A version follows one of the same consultation: the reference names the consultation too.
        migrations.RunSQL(
            "ALTER TABLE consultation_consultationnote"
            " ADD CONSTRAINT consultation_note_of_consultation UNIQUE (hospital_id, id, consultation_id),"
            " ADD CONSTRAINT consultation_consultationnote_replaces_id_tenant_fk"
            " FOREIGN KEY (hospital_id, replaces_id, consultation_id)"
            " REFERENCES consultation_consultationnote (hospital_id, id, consultation_id)"
        ),
    ]
