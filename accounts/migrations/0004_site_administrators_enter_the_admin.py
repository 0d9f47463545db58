"""``is_staff`` follows the role whenever an account is saved; these were saved before it was theirs."""

from __future__ import annotations

from django.db import migrations


def let_in(apps, schema_editor):
    user = apps.get_model("accounts", "User")
    user.objects.filter(role="site_administrator").update(is_staff=True)


def keep_out(apps, schema_editor):
    user = apps.get_model("accounts", "User")
    user.objects.filter(role="site_administrator", is_superuser=False).update(is_staff=False)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_api_tokens")]

    operations = [migrations.RunPython(let_in, keep_out)]
