
import almoner.kernel.ids
import almoner.kernel.tenancy
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('patients', '0003_duplicates'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PatientInvitation',
            fields=[
                ('id', models.UUIDField(default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('hospital_id', models.UUIDField(editable=False)),
                ('email', models.EmailField(max_length=254)),
                ('invited_by', models.CharField(max_length=200)),
                ('invited_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('accepted_at', models.DateTimeField(null=True)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('patient', almoner.kernel.tenancy.TenantForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='patients.patient')),
            ],
            options={
                'indexes': [models.Index(fields=['hospital_id', 'patient'], name='patient_invitation_by_patient')],
                'constraints': [models.CheckConstraint(condition=models.Q(('accepted_at', None), ('withdrawn_at', None), _connector='OR'), name='patient_invitation_accepted_or_withdrawn')],
            },
        ),
        migrations.CreateModel(
            name='PatientLogin',
            fields=[
                ('id', models.UUIDField(default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('hospital_id', models.UUIDField()),
                ('patient_id', models.UUIDField()),
                ('created_at', models.DateTimeField()),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='patient_logins', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('hospital_id', 'patient_id', 'user'), name='patient_login_once')],
            },
        ),
    ]
