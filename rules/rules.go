// Package rules carries Saker's own rule files inside the binary.
package rules

import _ "embed"

// DefaultName and MacrosName are the names under which the files show in messages.
const (
	DefaultName = "default_rules.yaml"
	MacrosName  = "builtin_macros.yaml"
)

// Default is the rule file that is used where none is configured.
//
//go:embed default_rules.yaml
var Default []byte

// Macros are the built-in macros. Each stands in where no rule file defines its name; no rule file sees their lists.
//
//go:embed builtin_macros.yaml
var Macros []byte
