"""What the application may do with the tables of logging in, and the table that counts attempts."""

from django.db import migrations

from almoner.kernel.schema import GrantPlatformTable, application_role

CACHE = """
CREATE TABLE shell_cache (cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL);
CREATE INDEX shell_cache_expires ON shell_cache (expires);
"""


def grant_sequences(apps, schema_editor):
    schema_editor.execute(f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO "{application_role()}"')


class Migration(migrations.Migration):
    dependencies = [
        ("shell", "0001_platform_rights"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("usersessions", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(CACHE, "DROP TABLE shell_cache"),
        GrantPlatformTable("shell_cache"),
        GrantPlatformTable("account_emailaddress"),
        GrantPlatformTable("mfa_authenticator"),
        GrantPlatformTable("usersessions_usersession"),
        migrations.RunPython(grant_sequences, migrations.RunPython.noop),
    ]
