"""The options of a connection to Jira."""

from connectors.field_values import CUSTOM_FIELDS_HELP
from connectors.jira.model.snapshots import DROPPED_RESOLUTIONS
from connectors.jira.write_back.write import WRITE_COMMENTS
from connectors.json_fields import MAX_NUMBER_FIELDS
from sync_service.domain.trackers.connector import Option

OPTIONS: tuple[Option, ...] = (
    Option("oauth", "oauth", "Cloud: an OAuth app instead of a token: {client_id: …, client_secret: …}"),
    Option(
        "email",
        "text",
        "E-mail address of the account that owns the API token; leave out for a Data Center token",
        for_token=True,
        label="E-mail address",
    ),
    Option(
        "dropped_resolutions",
        "texts",
        f"Resolutions that mean the work was not done, by name or id, instead of: {', '.join(DROPPED_RESOLUTIONS)}",
    ),
    Option(
        "points_field",
        "text",
        "Field with an issue's points, by id (customfield_10016) or name; found automatically with credentials",
    ),
    Option(
        "number_fields",
        "texts",
        f"Other numeric fields to store, by id or name, {MAX_NUMBER_FIELDS} at most",
    ),
    Option("fields", "fields", CUSTOM_FIELDS_HELP + "customfield_10042, type: option}}"),
    Option(
        "api_site",
        "text",
        "API address, if it is not the site's: https://api.atlassian.com/ex/jira/CLOUD-ID for scoped tokens",
        for_token=True,
        label="API address",
    ),
    Option(
        WRITE_COMMENTS,
        "flag",
        "With write_back: also write a comment on each issue; Jira notifies the issue's watchers",
        label="Comment on issues, too",
    ),
)
