from django.db import migrations

# What `standing` does, in the models of this moment: a migration must not run tomorrow's code.
URGENCY = {"mi": 0, "abnormal_heartbeat": 1, "covid19": 3, "history_mi": 3, "normal": 4}
STAGES = {"done": "read", "rejected": "rejected", "failed": "failed"}
AT_ONCE = 500


def take_up(apps, schema_editor):
    Upload = apps.get_model("diagnosis", "Upload")
    pks = list(Upload.objects.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(pks), AT_ONCE):
        _take_up_some(apps, pks[start : start + AT_ONCE])


def _take_up_some(apps, pks):
    Diagnosis = apps.get_model("diagnosis", "Diagnosis")
    Report = apps.get_model("review", "Report")
    Standing = apps.get_model("worklist", "Standing")
    readings = Diagnosis.objects.filter(upload__in=pks).select_related("upload").order_by("created_at", "pk")
    newest = {reading.upload_id: reading for reading in readings}
    reports = {}
    for report in Report.objects.filter(diagnosis__in=[reading.pk for reading in newest.values()]):
        reports.setdefault(report.diagnosis_id, {})[report.state] = report
    Standing.objects.bulk_create(_standing(Standing, reading, reports.get(reading.pk, {})) for reading in newest.values())


def _standing(Standing, reading, reports):
    draft, awaiting = reports.get("draft"), reports.get("awaiting_second")
    stage = STAGES.get(reading.state, "under_way")
    if awaiting:
        stage = "second"
    elif "signed" in reports:
        stage = "signed"
    return Standing(
        upload_id=reading.upload_id,
        diagnosis_id=reading.pk,
        site_id=reading.upload.site_id,
        came_in=reading.upload.created_at,
        is_deleted=reading.upload.deleted_at is not None,
        stage=stage,
        urgency=2 if reading.abstained else URGENCY.get(reading.label, 2),
        has_report=bool(reports),
        drafted_by_id=draft.author_id if draft else None,
        first_signed_by_id=awaiting.signed_by_id if awaiting else None,
    )


class Migration(migrations.Migration):
    dependencies = [("worklist", "0001_initial"), ("review", "0001_reports")]
    operations = [migrations.RunPython(take_up, migrations.RunPython.noop)]
