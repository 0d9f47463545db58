"""Rules for every role of people to be seen in Django admin, all of them off."""

from django.db import migrations


def add(apps, schema_editor):
    policy = apps.get_model("second_factor", "RolePolicy")
    for role in ("clinician", "reviewer", "site_administrator", "administrator"):
        policy.objects.get_or_create(role=role)


class Migration(migrations.Migration):
    dependencies = [("second_factor", "0001_initial")]

    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
