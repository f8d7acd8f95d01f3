package rulefile

// Code classifies a problem of a rule file. Those that Falco has are Falco's words: scripts depend on them.
type Code string

// Codes of errors and of warnings.
const (
	ErrFileRead         Code = "LOAD_ERR_FILE_READ"
	ErrYAMLParse        Code = "LOAD_ERR_YAML_PARSE"
	ErrYAMLValidate     Code = "LOAD_ERR_YAML_VALIDATE"
	ErrCompileCondition Code = "LOAD_ERR_COMPILE_CONDITION"
	ErrCompileOutput    Code = "LOAD_ERR_COMPILE_OUTPUT"
	ErrValidate         Code = "LOAD_ERR_VALIDATE"

	WarnUnknownSource    Code = "LOAD_UNKNOWN_SOURCE"
	WarnUnsafeNA         Code = "LOAD_UNSAFE_NA_CHECK"
	WarnNoEvttype        Code = "LOAD_NO_EVTTYPE"
	WarnUnknownFilter    Code = "LOAD_UNKNOWN_FILTER"
	WarnUnusedMacro      Code = "LOAD_UNUSED_MACRO"
	WarnUnusedList       Code = "LOAD_UNUSED_LIST"
	WarnUnknownItem      Code = "LOAD_UNKNOWN_ITEM"
	WarnUnknownKey       Code = "LOAD_UNKNOWN_KEY"
	WarnDeprecated       Code = "LOAD_DEPRECATED_ITEM"
	WarnAppendNoValues   Code = "LOAD_APPEND_NO_VALUES"
	WarnExceptionName    Code = "LOAD_EXCEPTION_NAME_NOT_UNIQUE"
	WarnMacroName        Code = "LOAD_INVALID_MACRO_NAME"
	WarnListName         Code = "LOAD_INVALID_LIST_NAME"
	WarnCompileCondition Code = "LOAD_COMPILE_CONDITION"

	// Codes of what the inspection of rules finds; Falco has no such check.
	LintShadowed  Code = "LINT_SHADOWED"
	LintNeverTrue Code = "LINT_NEVER_TRUE"
	LintListDepth Code = "LINT_LIST_DEPTH"
)

// codeText gives a code's short words, as the text form prints them, and the longer ones of the JSON form.
var codeText = map[Code]struct{ short, long string }{
	ErrFileRead:         {"File read error", "File read error"},
	ErrYAMLParse:        {"YAML parse error", "YAML parse error"},
	ErrYAMLValidate:     {"Error validating internal structure of YAML file", "Error validating internal structure of YAML file"},
	ErrCompileCondition: {"Error compiling condition", "Error compiling condition"},
	ErrCompileOutput:    {"Error compiling output", "Error compiling output"},
	ErrValidate: {"Error validating rule/macro/list/exception objects",
		"Error validating rule/macro/list/exception objects"},

	WarnUnknownSource: {"Unknown event source", "A rule has a unknown event source. This can occur when reading rules " +
		"content without having a corresponding plugin loaded, etc. The rule will be silently ignored."},
	WarnUnsafeNA: {"Unsafe <NA> comparison in condition",
		"A condition compares a field with <NA>, which a missing value never equals. Use the exists operator."},
	WarnNoEvttype: {"Condition has no event-type restriction", "A rule condition matches too many evt.type values. " +
		"This has a significant performance penalty. Make the condition more specific by adding an evt.type field " +
		"or further restricting the number of evt.type values in the condition."},
	WarnUnknownFilter: {"Unknown field or event-type in condition or output",
		"A condition or output names a field or an event type that is not known. The rule asks to be skipped then."},
	WarnUnusedMacro: {"Unused macro",
		"A macro is defined in the rules content but is not used by any other macro or rule."},
	WarnUnusedList: {"Unused list",
		"A list is defined in the rules content but is not used by any other list, macro, or rule."},
	WarnUnknownItem: {"Unknown rules content item",
		"An unknown top-level object is in the rules content. It will be ignored."},
	WarnUnknownKey: {"Unknown key in rules content item", "An item in the rules content contains an unrecognized key. " +
		"The key will be ignored. This may indicate a typo or a property placed on the wrong item type."},
	WarnDeprecated: {"Used deprecated item", "A deprecated item is employed by lists, macros, or rules."},
	WarnAppendNoValues: {"Overriding/appending exception with no values",
		"An exception is appended to a rule without values and so has no effect."},
	WarnExceptionName: {"Multiple exceptions defined with the same name",
		"A rule defines several exceptions of one name."},
	WarnMacroName:        {"Invalid macro name", "A macro is defined with an invalid name"},
	WarnListName:         {"Invalid list name", "A list is defined with an invalid name"},
	WarnCompileCondition: {"Warning in rule condition", "A part of a rule condition may not mean what it says."},
	LintShadowed:         {"Rule never fires", "An earlier rule matches whatever this one would match."},
	LintNeverTrue:        {"Condition can't be true", "A rule's condition contradicts itself."},
	LintListDepth:        {"List of lists of lists", "Falco puts in the items of one level of lists only."},
}
