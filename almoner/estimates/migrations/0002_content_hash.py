"""What a request said, so that its key is refused with other content."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("estimates", "0001_initial")]
    operations = [
        migrations.AddField("estimate", "content_hash", models.CharField(default="", max_length=64)),
    ]
