"""The passwords of accounts that are there already; their age counts from now."""

from django.db import migrations


def remember(apps, schema_editor):
    user = apps.get_model("accounts", "User")
    past = apps.get_model("passwords", "PastPassword")
    for pk, password in user.objects.exclude(password__startswith="!").values_list("pk", "password").iterator():
        past.objects.create(user_id=pk, password=password)


class Migration(migrations.Migration):
    dependencies = [("passwords", "0001_initial"), ("accounts", "0001_initial")]

    operations = [migrations.RunPython(remember, migrations.RunPython.noop)]
