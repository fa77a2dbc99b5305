from django.db import migrations

from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):
    """Who granted an override stands in its reviews as in the override itself, so that a CHECK can compare."""

    dependencies = [("enforcement", "0003_override_reviews")]
    operations = [
        SecureTenantTable("OverrideReview", append_only=True),
        migrations.RunSQL(
            "ALTER TABLE enforcement_override"
            " ADD CONSTRAINT override_granted_by UNIQUE (hospital_id, id, created_by)",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            "ALTER TABLE enforcement_overridereview ADD CONSTRAINT override_review_names_granter"
            " FOREIGN KEY (hospital_id, override_id, granted_by)"
            " REFERENCES enforcement_override (hospital_id, id, created_by)",
            migrations.RunSQL.noop,
        ),
    ]
