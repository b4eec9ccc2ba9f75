import json

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

from postdeploy.lib.secrets import SecretUnreadable, seal, unseal


def conditions_of(check):
    """What the old columns expected, in the language of conditions."""
    lines = [f"status in {check.expected_status}"]
    if check.max_response_ms:
        lines.append(f"time <= {check.max_response_ms} ms")
    if check.body_contains:
        lines.append(f"body contains {json.dumps(check.body_contains, ensure_ascii=False)}")
    if check.json_path and not check.json_value:
        lines.append(f"json {check.json_path} exists")
    elif check.json_path:
        lines.append(f"json {check.json_path} == {' '.join(check.json_value.split())}")
    return "\n".join(lines)


def carry_over(apps, schema_editor):
    """Say each check in its new columns. Headers of another SECRET_KEY stay as they are: their check says so."""
    for check in apps.get_model("monitoring", "HealthCheck").objects.iterator():
        check.conditions = conditions_of(check)
        check.options = {} if check.method == "GET" else {"method": check.method}
        try:
            if check.sealed:
                check.sealed = seal(json.dumps({"headers": json.loads(unseal(check.sealed))}))
        except (SecretUnreadable, ValueError):
            pass
        check.save(update_fields=["conditions", "options", "sealed"])


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0005_samples"),
    ]

    operations = [
        migrations.RenameField("healthcheck", "url", "target"),
        migrations.AlterField(
            "healthcheck",
            "target",
            models.CharField(blank=True, help_text="A URL, host:port or name, as its kind wants it.", max_length=2000),
        ),
        migrations.RenameField("healthcheck", "sealed_headers", "sealed"),
        migrations.AlterField(
            "healthcheck",
            "sealed",
            models.TextField(blank=True, editable=False, help_text="Encrypted: headers, passwords, tokens, keys."),
        ),
        migrations.AddField(
            "healthcheck",
            "kind",
            models.CharField(
                choices=[
                    ("HTTP", "HTTP"),
                    ("TCP", "TCP"),
                    ("TLS", "TLS certificate"),
                    ("DNS", "DNS"),
                    ("HEARTBEAT", "Heartbeat"),
                    ("FLOW", "Flow"),
                    ("RECONCILIATION", "Reconciliation"),
                ],
                default="HTTP",
                max_length=14,
            ),
        ),
        migrations.AddField(
            "healthcheck",
            "group",
            models.CharField(blank=True, help_text="Checks of one group stand together in the list.", max_length=100),
        ),
        migrations.AddField(
            "healthcheck",
            "options",
            models.JSONField(blank=True, default=dict, help_text="What only its kind has."),
        ),
        migrations.AddField(
            "healthcheck",
            "conditions",
            models.TextField(blank=True, help_text="What a good answer is, one condition a line.", max_length=8000),
        ),
        migrations.AddField(
            "healthcheck",
            "ping_key",
            models.UUIDField(editable=False, help_text="Where a heartbeat's job pings us.", null=True, unique=True),
        ),
        migrations.AddField(
            "healthcheck",
            "version",
            models.PositiveIntegerField(default=1, editable=False, help_text="Raised by each change of what is asked."),
        ),
        migrations.AddField(
            "healthcheck",
            "is_fresh",
            models.BooleanField(default=False, help_text="A connection of its own for every reading."),
        ),
        migrations.RunPython(carry_over, migrations.RunPython.noop),
        migrations.RemoveField("healthcheck", "method"),
        migrations.RemoveField("healthcheck", "expected_status"),
        migrations.RemoveField("healthcheck", "body_contains"),
        migrations.RemoveField("healthcheck", "json_path"),
        migrations.RemoveField("healthcheck", "json_value"),
        migrations.RemoveField("healthcheck", "max_response_ms"),
        migrations.CreateModel(
            name="Ping",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                (
                    "signal",
                    models.CharField(
                        choices=[("START", "Started"), ("SUCCESS", "Ran well"), ("FAIL", "Failed")], max_length=7
                    ),
                ),
                ("note", models.CharField(blank=True, help_text="What it sent along.", max_length=2000)),
                (
                    "health_check",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="pings", to="monitoring.healthcheck"
                    ),
                ),
            ],
            options={
                "ordering": ["-at"],
                "indexes": [models.Index(fields=["health_check", "signal", "-at"], name="ping_latest")],
            },
        ),
    ]
