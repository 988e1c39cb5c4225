"""The GraphQL schema: names, types and arguments as in GitHub's own schema, and nothing that is not in it.

https://docs.github.com/en/graphql/overview/public-schema
"""

NEW, OLD = "# not on Enterprise Server", "# only on Enterprise Server"

SCHEMA = """
scalar DateTime
scalar URI
scalar BigInt

interface Node { id: ID! }
interface Actor { login: String! }

enum IssueState { CLOSED OPEN }
enum IssueStateReason { COMPLETED DUPLICATE NOT_PLANNED REOPENED }
enum PullRequestState { CLOSED MERGED OPEN }
enum MilestoneState { CLOSED OPEN }

type Query {
  node(id: ID!): Node
  nodes(ids: [ID!]!): [Node]!
  repository(owner: String!, name: String!, followRenames: Boolean = true): Repository
  organization(login: String!): Organization
  rateLimit(dryRun: Boolean = false): RateLimit
  viewer: User!
}

type RateLimit { cost: Int! limit: Int! remaining: Int! used: Int! resetAt: DateTime! }
type PageInfo { endCursor: String hasNextPage: Boolean! }

type User implements Node & Actor { id: ID! databaseId: Int login: String! url: URI! }
type Bot implements Node & Actor { id: ID! databaseId: Int login: String! url: URI! }
type Organization implements Node & Actor {
  id: ID! databaseId: Int login: String! url: URI!
  projectsV2(first: Int, after: String): ProjectV2Connection!
}

type ProjectV2 implements Node { id: ID! number: Int! title: String! }
type ProjectV2Item implements Node {
  id: ID! isArchived: Boolean! project: ProjectV2!
  fieldValueByName(name: String!): ProjectV2ItemFieldValue
}
type ProjectV2ItemFieldDateValue implements Node { id: ID! date: String }
type ProjectV2ItemFieldIterationValue implements Node { id: ID! title: String! startDate: String! }
type ProjectV2ItemFieldNumberValue implements Node { id: ID! number: Float }
type ProjectV2ItemFieldSingleSelectValue implements Node { id: ID! name: String }
type ProjectV2ItemFieldTextValue implements Node { id: ID! text: String }
union ProjectV2ItemFieldValue =
  ProjectV2ItemFieldDateValue | ProjectV2ItemFieldIterationValue | ProjectV2ItemFieldNumberValue
  | ProjectV2ItemFieldSingleSelectValue | ProjectV2ItemFieldTextValue
type ProjectV2Connection { nodes: [ProjectV2] pageInfo: PageInfo! totalCount: Int! }
type ProjectV2ItemConnection { nodes: [ProjectV2Item] pageInfo: PageInfo! totalCount: Int! }

type Label implements Node { id: ID! name: String! color: String! description: String }
type Milestone implements Node {
  id: ID! number: Int! title: String! state: MilestoneState! dueOn: DateTime closedAt: DateTime
}
type IssueType implements Node { id: ID! name: String! }  # not on Enterprise Server
type SubIssuesSummary { total: Int! completed: Int! percentCompleted: Int! }  # not on Enterprise Server
type Ref { name: String! }

type Repository implements Node {
  id: ID! databaseId: Int name: String! nameWithOwner: String! isArchived: Boolean! url: URI!
  defaultBranchRef: Ref
  issue(number: Int!): Issue
  pullRequest(number: Int!): PullRequest
  issueOrPullRequest(number: Int!): IssueOrPullRequest
}
union IssueOrPullRequest = Issue | PullRequest

type Issue implements Node {
  id: ID! databaseId: Int fullDatabaseId: BigInt number: Int! title: String! body: String! url: URI!
  state: IssueState!
  stateReason(enableDuplicate: Boolean = false): IssueStateReason  # not on Enterprise Server
  stateReason: IssueStateReason  # only on Enterprise Server
  createdAt: DateTime! updatedAt: DateTime! closedAt: DateTime
  author: Actor
  milestone: Milestone
  issueType: IssueType  # not on Enterprise Server
  parent: Issue  # not on Enterprise Server
  repository: Repository!
  subIssuesSummary: SubIssuesSummary!  # not on Enterprise Server
  labels(first: Int, after: String): LabelConnection
  assignees(first: Int, after: String): UserConnection!
  assignedActors(first: Int, after: String): AssigneeConnection!  # not on Enterprise Server
  issueFieldValues(first: Int, after: String): IssueFieldValueConnection  # not on Enterprise Server
  timelineItems(first: Int, after: String, itemTypes: [IssueTimelineItemsItemType!])  # not on Enterprise Server
  : IssueTimelineItemsConnection!  # not on Enterprise Server
  projectItems(first: Int, after: String, includeArchived: Boolean = true): ProjectV2ItemConnection!
  subIssues(first: Int, after: String): IssueConnection!  # not on Enterprise Server
  closedByPullRequestsReferences(
    first: Int, after: String, includeClosedPrs: Boolean = false
  ): PullRequestConnection
}

type PullRequest implements Node {
  id: ID! databaseId: Int fullDatabaseId: BigInt number: Int! title: String! body: String! url: URI!
  state: PullRequestState! merged: Boolean! isDraft: Boolean! baseRefName: String!
  createdAt: DateTime! updatedAt: DateTime! closedAt: DateTime mergedAt: DateTime
  author: Actor
  milestone: Milestone
  repository: Repository!
  labels(first: Int, after: String): LabelConnection
  assignees(first: Int, after: String): UserConnection!
  assignedActors(first: Int, after: String): AssigneeConnection!  # not on Enterprise Server
  closingIssuesReferences(first: Int, after: String): IssueConnection
}

type LabelConnection { nodes: [Label] pageInfo: PageInfo! totalCount: Int! }
type UserConnection { nodes: [User] pageInfo: PageInfo! totalCount: Int! }
type IssueConnection { nodes: [Issue] pageInfo: PageInfo! totalCount: Int! }
type PullRequestConnection { nodes: [PullRequest] pageInfo: PageInfo! totalCount: Int! }
"""

NEW_TYPES = """
enum IssueTimelineItemsItemType { PROJECT_V2_ITEM_STATUS_CHANGED_EVENT }
type ProjectV2ItemStatusChangedEvent implements Node {
  id: ID! createdAt: DateTime! previousStatus: String! status: String!
}
union IssueTimelineItems = ProjectV2ItemStatusChangedEvent
type IssueTimelineItemsConnection { nodes: [IssueTimelineItems] pageInfo: PageInfo! totalCount: Int! }

union Assignee = Bot | Organization | User
type AssigneeConnection { nodes: [Assignee] pageInfo: PageInfo! totalCount: Int! }

type IssueFieldDate implements Node { id: ID! name: String! fullDatabaseId: BigInt }
type IssueFieldNumber implements Node { id: ID! name: String! fullDatabaseId: BigInt }
type IssueFieldSingleSelect implements Node { id: ID! name: String! fullDatabaseId: BigInt }
type IssueFieldText implements Node { id: ID! name: String! fullDatabaseId: BigInt }
union IssueFields = IssueFieldDate | IssueFieldNumber | IssueFieldSingleSelect | IssueFieldText

type IssueFieldDateValue implements Node { id: ID! value: String! field: IssueFields }
type IssueFieldNumberValue implements Node { id: ID! value: Float! field: IssueFields }
type IssueFieldSingleSelectValue implements Node { id: ID! name: String! field: IssueFields }
type IssueFieldTextValue implements Node { id: ID! value: String! field: IssueFields }
union IssueFieldValue =
  IssueFieldDateValue | IssueFieldNumberValue | IssueFieldSingleSelectValue | IssueFieldTextValue
type IssueFieldValueConnection { nodes: [IssueFieldValue] pageInfo: PageInfo! totalCount: Int! }
"""
"""What Enterprise Server does not know of at all."""


def schema_text(*, ghes: bool) -> str:
    """Return the schema as github.com or as Enterprise Server has it."""
    left_out = NEW if ghes else OLD
    kept = [line for line in SCHEMA.splitlines() if not line.endswith(left_out)]
    return "\n".join(kept if ghes else [*kept, NEW_TYPES])
