import almoner.kernel.ids
import almoner.kernel.tenancy
import django.db.models.deletion
from django.db import migrations, models

from almoner.kernel.schema import SecureTenantTable


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('patients', '0003_duplicates'),
    ]

    operations = [
        migrations.CreateModel(
            name='Estimate',
            fields=[
                ('id', models.UUIDField(default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('hospital_id', models.UUIDField(editable=False)),
                ('number', models.CharField(max_length=40)),
                ('walk_in', models.CharField(blank=True, default='', max_length=200)),
                ('reason', models.CharField(blank=True, default='', max_length=200)),
                ('expected_on', models.DateField()),
                ('valid_until', models.DateField()),
                ('ward_type', models.SlugField(blank=True, default='', max_length=40)),
                ('days', models.SmallIntegerField(default=0)),
                ('payer', models.CharField(blank=True, default='', max_length=200)),
                ('payer_percent', models.DecimalField(decimal_places=2, max_digits=5, null=True)),
                ('payer_basis', models.CharField(blank=True, default='', max_length=200)),
                ('deposit_minor', models.BigIntegerField(default=0)),
                ('currency', models.CharField(max_length=3)),
                ('configuration_version', models.IntegerField()),
                ('made_at', models.DateTimeField()),
                ('made_by', models.CharField(max_length=200)),
                ('patient', almoner.kernel.tenancy.TenantForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='patients.patient')),
            ],
        ),
        migrations.CreateModel(
            name='EstimateConsent',
            fields=[
                ('id', models.UUIDField(default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('hospital_id', models.UUIDField(editable=False)),
                ('given_by', models.CharField(max_length=200)),
                ('how', models.CharField(choices=[('signed', 'Signed'), ('spoken', 'Spoken'), ('electronic', 'Electronic')], max_length=20)),
                ('given_at', models.DateTimeField()),
                ('recorded_by', models.CharField(max_length=200)),
                ('estimate', almoner.kernel.tenancy.TenantForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='estimates.estimate')),
            ],
        ),
        migrations.CreateModel(
            name='EstimateLine',
            fields=[
                ('id', models.UUIDField(default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('hospital_id', models.UUIDField(editable=False)),
                ('line', models.SmallIntegerField()),
                ('service', models.SlugField(max_length=80)),
                ('name', models.CharField(max_length=300)),
                ('quantity', models.DecimalField(decimal_places=3, max_digits=12)),
                ('net_minor', models.BigIntegerField(null=True)),
                ('problem', models.CharField(blank=True, default='', max_length=200)),
                ('estimate', almoner.kernel.tenancy.TenantForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='estimates.estimate')),
            ],
        ),
        migrations.CreateModel(
            name='EstimateVisit',
            fields=[
                ('id', models.UUIDField(default=almoner.kernel.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('hospital_id', models.UUIDField(editable=False)),
                ('linked_at', models.DateTimeField()),
                ('linked_by', models.CharField(max_length=200)),
                ('encounter', almoner.kernel.tenancy.TenantForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='patients.encounter')),
                ('estimate', almoner.kernel.tenancy.TenantForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='estimates.estimate')),
            ],
        ),
        migrations.AddIndex(
            model_name='estimate',
            index=models.Index(fields=['hospital_id', 'patient', 'made_at'], name='estimate_by_patient'),
        ),
        migrations.AddIndex(
            model_name='estimate',
            index=models.Index(fields=['hospital_id', 'made_at'], name='estimate_by_time'),
        ),
        migrations.AddConstraint(
            model_name='estimate',
            constraint=models.UniqueConstraint(fields=('hospital_id', 'number'), name='estimate_number_once'),
        ),
        migrations.AddConstraint(
            model_name='estimate',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('patient__isnull', False), ('walk_in', '')), models.Q(('patient__isnull', True), models.Q(('walk_in', ''), _negated=True)), _connector='OR'), name='estimate_for_somebody'),
        ),
        migrations.AddConstraint(
            model_name='estimate',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('days', 0), ('ward_type', '')), models.Q(('days__gt', 0), models.Q(('ward_type', ''), _negated=True)), _connector='OR'), name='estimate_days_in_a_ward'),
        ),
        migrations.AddConstraint(
            model_name='estimate',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('payer_basis', ''), ('payer_percent__isnull', True)), models.Q(('payer_percent__gte', 0), ('payer_percent__lte', 100), models.Q(('payer_basis', ''), _negated=True)), _connector='OR'), name='estimate_share_has_a_basis'),
        ),
        migrations.AddConstraint(
            model_name='estimate',
            constraint=models.CheckConstraint(condition=models.Q(('deposit_minor__gte', 0)), name='estimate_deposit'),
        ),
        migrations.AddConstraint(
            model_name='estimate',
            constraint=models.CheckConstraint(condition=models.Q(('valid_until__gte', models.F('expected_on'))), name='estimate_validity'),
        ),
        migrations.AddConstraint(
            model_name='estimateconsent',
            constraint=models.UniqueConstraint(fields=('hospital_id', 'estimate'), name='estimate_consent_once'),
        ),
        migrations.AddConstraint(
            model_name='estimateline',
            constraint=models.UniqueConstraint(fields=('hospital_id', 'estimate', 'line'), name='estimate_line_once'),
        ),
        migrations.AddConstraint(
            model_name='estimateline',
            constraint=models.CheckConstraint(condition=models.Q(('net_minor__isnull', True), ('net_minor__gte', 0), _connector='OR'), name='estimate_line_amount'),
        ),
        migrations.AddConstraint(
            model_name='estimateline',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gt', 0)), name='estimate_line_quantity'),
        ),
        migrations.AddConstraint(
            model_name='estimatevisit',
            constraint=models.UniqueConstraint(fields=('hospital_id', 'estimate'), name='estimate_visit_once'),
        ),
        SecureTenantTable("Estimate", append_only=True),
        SecureTenantTable("EstimateLine", append_only=True),
        SecureTenantTable("EstimateConsent", append_only=True),
        SecureTenantTable("EstimateVisit", append_only=True),
    ]
