// Written by `go test ./internal/item -run Vocabulary -update`.

/** Functions, and forms that look like one. */
export const functions = {
  "argument": {
    "params": [
      "name",
      "default"
    ],
    "required": 1,
    "named": true
  },
  "env": {
    "params": [
      "name",
      "default"
    ],
    "required": 1
  },
  "error": {
    "params": [
      "message"
    ],
    "required": 1
  },
  "impure": {
    "params": [
      "x"
    ],
    "required": 1
  },
  "jobResourceVariable": {
    "params": [
      "path",
      "name"
    ],
    "required": 2
  },
  "jobResourceVariables": {
    "params": [
      "path"
    ],
    "required": 1
  },
  "match": {
    "params": [
      "s",
      "regex",
      "replacement"
    ],
    "required": 3
  },
  "max": {
    "params": [
      "a",
      "b"
    ],
    "required": 2
  },
  "min": {
    "params": [
      "a",
      "b"
    ],
    "required": 2
  },
  "mkString": {
    "params": [
      "x"
    ],
    "required": 1
  },
  "now": {
    "params": [
      "format",
      "timezone"
    ],
    "required": 1
  },
  "replaceAll": {
    "params": [
      "s",
      "regex",
      "replacement"
    ],
    "required": 3
  },
  "scheduledOrEmpty": {
    "params": [
      "format",
      "timezone"
    ],
    "required": 1
  },
  "stripMargin": {
    "params": [
      "s"
    ],
    "required": 1
  },
  "subagentIds": {
    "params": [
      "bundle"
    ],
    "required": 0
  },
  "substring": {
    "params": [
      "s",
      "start",
      "end"
    ],
    "required": 2
  },
  "toBoolean": {
    "params": [
      "x"
    ],
    "required": 1
  },
  "toFile": {
    "params": [
      "content",
      "filename"
    ],
    "required": 1
  },
  "toNumber": {
    "params": [
      "x"
    ],
    "required": 1
  },
  "uniqueOrderId": {
    "params": [
      "pattern"
    ],
    "required": 1
  },
  "variable": {
    "params": [
      "name",
      "label",
      "job",
      "default"
    ],
    "required": 1,
    "named": true
  }
} as const;

/** Bare words that have a value. */
export const symbols = [
  "controllerId",
  "label",
  "maxTries",
  "orderId",
  "timedOut",
  "tryCount",
  "workflow",
  "workflowPath",
  "workflowPosition"
] as const;

/** Words of the grammar. */
export const keywords = [
  "argument",
  "else",
  "error",
  "false",
  "if",
  "in",
  "matches",
  "missing",
  "then",
  "true",
  "variable"
] as const;

/** Names that every order has, as $js7OrderId. */
export const builtIns = [
  "js7ControllerId",
  "js7EpochMilli",
  "js7EpochSecond",
  "js7Job",
  "js7JobExecutionCount",
  "js7JobName",
  "js7Label",
  "js7MaxTries",
  "js7OrderId",
  "js7TryCount",
  "js7WorkflowPath",
  "js7WorkflowPosition",
  "js7WorkflowTimezone"
] as const;

/** What may not be used in the expressions of a place. */
export const places = {
  "instruction": {
    "refused": [
      "toFile",
      "subagentIds",
      "uniqueOrderId"
    ]
  },
  "jobResource": {
    "refused": [
      "argument",
      "variable",
      "jobResourceVariable",
      "jobResourceVariables",
      "subagentIds",
      "uniqueOrderId"
    ]
  },
  "parameter": {
    "refused": [
      "toFile",
      "subagentIds",
      "uniqueOrderId"
    ],
    "symbols": [
      "controllerId",
      "orderId",
      "workflowPath"
    ]
  },
  "process": {
    "refused": [
      "subagentIds",
      "uniqueOrderId"
    ]
  }
} as const;
