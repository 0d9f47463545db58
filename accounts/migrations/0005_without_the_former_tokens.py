from django.db import migrations


class Migration(migrations.Migration):
    """Tokens of before lived for a day, so nobody's program loses more than that."""

    dependencies = [
        ("accounts", "0004_site_administrators_enter_the_admin"),
        # Its own migrations make the table, whether the model is in use or not.
        ("knox", "0009_extend_authtoken_field"),
    ]

    operations = [migrations.RunSQL("DROP TABLE IF EXISTS knox_authtoken", migrations.RunSQL.noop)]
