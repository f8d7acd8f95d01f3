// Package engine loads rule files and tells which rules an event matches.
//
// Package rulefile turns the YAML of rule files into definitions that know their place. The compiler expands lists, macros
// and exceptions into one condition a rule and compiles it. A [Ruleset] is the result: rules in definition order, indexed
// by event type. Package filter is the language of conditions, package inspect answers questions about a rule set.
package engine
