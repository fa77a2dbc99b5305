"""What the application may do with the tables of Django and of the job queue, which belong to no tenant."""

from django.db import migrations

from almoner.kernel.schema import GrantPlatformTable, application_role


def grant_sequences(apps, schema_editor):
    schema_editor.execute(f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO "{application_role()}"')


class Migration(migrations.Migration):
    dependencies = [
        ("contenttypes", "0002_remove_content_type_name"),
        ("sessions", "0001_initial"),
        ("procrastinate", "__latest__"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("orders", "0002_secure"),
        ("enforcement", "0002_secure"),
    ]
    operations = [
        GrantPlatformTable("django_migrations", "SELECT"),
        GrantPlatformTable("django_content_type", "SELECT"),
        GrantPlatformTable("django_session"),
        GrantPlatformTable("procrastinate_jobs"),
        GrantPlatformTable("procrastinate_events"),
        GrantPlatformTable("procrastinate_periodic_defers"),
        GrantPlatformTable("procrastinate_workers"),
        migrations.RunPython(grant_sequences, migrations.RunPython.noop),
    ]
