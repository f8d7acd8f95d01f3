package rulefile

// Location is a part of a file that encloses a problem: the content, an item, a value of it.
type Location struct {
	// Type says what it is ("rule", "rule condition"), Name which one; Name may be empty.
	Type, Name string
	File       string
	// Line and Column count from 1, Column in characters; Offset counts bytes from 0.
	Line, Column, Offset int
}

// Problem is an error or a warning of a rule file.
type Problem struct {
	Code    Code
	Message string
	// Hint names the remedy, where one is known: the nearest right spelling.
	Hint string
	// DeprecatedField is set for some warnings of code LOAD_DEPRECATED_ITEM.
	DeprecatedField string
	// Where leads from the file to the place, outermost first; never empty.
	Where []Location
	// Snippet is the line of the last location and a line with a caret below it; empty if the file could not be read.
	Snippet string
}

// At is the innermost location.
func (p *Problem) At() Location { return p.Where[len(p.Where)-1] }

// Schema is the outcome of the check against the schema of rule files.
type Schema uint8

const (
	// SchemaUnchecked: there was nothing to check (an empty file, or broken YAML).
	SchemaUnchecked Schema = iota
	SchemaValid
	SchemaInvalid
)

// Result is what loading found in one file.
type Result struct {
	Name string
	// Errors are in the order in which they were found. The first is the one that Falco stops at.
	Errors, Warnings []Problem
	Schema           Schema
	SchemaWarnings   []string
}

// Successful tells whether the file can be used.
func (r *Result) Successful() bool { return len(r.Errors) == 0 }

// Results of loading, one a file, in the order of the files.
type Results struct {
	Files []Result
	// Err is an error of all files together: a required plugin that is missing.
	Err error
}

// Successful tells whether all files can be used together.
func (rs *Results) Successful() bool {
	for i := range rs.Files {
		if !rs.Files[i].Successful() {
			return false
		}
	}
	return rs.Err == nil
}
