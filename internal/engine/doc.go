// Package engine loads rule files and tells which rules an event matches.
//
// Loading has three parts, one verb each. The reader turns YAML into definitions that know their place in the file
// ([source], [node], reader). The collector puts definitions together: define, append, replace, enable. The compiler
// expands lists, macros and exceptions into one condition a rule and compiles it. A [Ruleset] is the result: rules in
// definition order, indexed by event type.
//
// What is accepted, the codes and the messages are Falco's (engine version [Version]); lines and columns are ours and
// count from 1, as editors do.
package engine
