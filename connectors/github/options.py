"""The options of a connection to GitHub."""

from connectors.field_values import CUSTOM_FIELDS_HELP
from connectors.json_fields import MAX_NUMBER_FIELDS
from sync_service.domain.trackers.connector import Option

OPTIONS: tuple[Option, ...] = (
    Option("app", "app", "a GitHub App instead of a token, a mapping: {id: 1204001, private_key: file:app.pem}"),
    Option("points_field", "text", "Name or id of the numeric field, of issues or of a project, that holds points"),
    Option("number_fields", "texts", f"Other numeric fields to read, by name or id, {MAX_NUMBER_FIELDS} at most"),
    Option("fields", "fields", CUSTOM_FIELDS_HELP + "Team, type: option}}"),
    Option("started_by", "start", "What shows that work on an issue has begun: {label: …} or {project_status: …}"),
)
