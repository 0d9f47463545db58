"""What is known of where a page comes from, and the page's site on each of its readings."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def _copy_sites(apps, schema_editor):
    upload = apps.get_model("diagnosis", "Upload").objects.filter(pk=OuterRef("upload_id"))
    apps.get_model("diagnosis", "Diagnosis").objects.filter(site=None).update(site_id=Subquery(upload.values("site_id")))


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0001_initial"),
        ("diagnosis", "0005_answer_from_signals"),
    ]

    operations = [
        migrations.AddField(
            model_name="upload",
            name="warnings",
            field=models.JSONField(
                blank=True, default=list, verbose_name="what to know of where the page comes from"
            ),
        ),
        migrations.AddField(
            model_name="diagnosis",
            name="site",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.site",
            ),
        ),
        migrations.RunPython(_copy_sites, migrations.RunPython.noop),
    ]
