// Package field is the dictionary of Falco's fields: "proc.name" → type, argument, extractor, doc line.
//
// The rule language and the output templates share it. It knows events and nothing else of ours. Extractors do not
// allocate for values that the event already holds.
package field

import "github.com/saker-sensor/saker/internal/event"

// Arg is a field's argument: [2], [PATH], or the last part of evt.arg.NAME.
type Arg struct {
	// Set tells whether an argument was given.
	Set  bool
	Text string
	// Index is the argument as a number, -1 if it is none.
	Index int
}

// ArgMode says whether a field takes an argument.
type ArgMode uint8

const (
	ArgNone ArgMode = iota
	ArgOptional
	ArgRequired
)

// Quantifier says how a comparison treats a field that yields several values for one event.
type Quantifier uint8

const (
	// One: the field yields one value, or a list that is compared as a list.
	One Quantifier = iota
	// Some: true if some value satisfies the operator, != too (ancestors: proc.aname without argument). With an
	// argument such a field is One: [Dictionary.Lookup] sees to it.
	Some
	// Either: true if either end of a connection satisfies; != only if both differ (fd.ip, fd.port, fd.net).
	Either
)

// Flags of a field.
type Flags uint16

const (
	// FilterOnly fields print as missing; PrintOnly ones can't be compared.
	FilterOnly Flags = 1 << iota
	PrintOnly
	// NoRHS fields can't stand inside val() or a transformer on the right, NoTransformer ones not inside any.
	NoRHS
	NoTransformer
	// Deprecated fields load with a warning.
	Deprecated
	// Suggested fields are appended to outputs by suggested_output.
	Suggested
	// NeverSet fields always yield a missing value, as in Falco.
	NeverSet
	// JSONNumber fields show Value.Num in JSON, whatever their text looks like (evt.time).
	JSONNumber
	// TableOnly fields work, but no listing names them.
	TableOnly
	// Additive fields are ours, not Falco's.
	Additive
)

// Info is a dictionary entry.
type Info struct {
	Name  string
	Class string
	Doc   string
	Type  Type
	// List: the value is a list of Type.
	List bool
	Arg  ArgMode
	// DotArg: the argument may be written as a last name part (evt.arg.NAME).
	DotArg     bool
	Quantifier Quantifier
	Format     Format
	Flags      Flags
	// Cost orders tests, cheap ones first: 0 a load, 1 a short text, 2 a walk or a join.
	Cost uint8
	// Begins names the field whose value begins with this one's, whenever there is one (fd.directory: fd.name); it lets
	// tests of either be looked up together.
	Begins string
	// NumArg: the argument is a number, read as scanf(3) reads one. -1 counts as none; so does every
	// negative one for a Quantifier of One, where the others count as 0.
	NumArg bool
	// CheckArg refuses a bad argument at load time; nil accepts any text where Arg allows one.
	CheckArg func(Arg) error
	// ArgType gives the type where it depends on the argument (evt.rawarg); nil otherwise.
	ArgType func(Arg) (Type, error)
	// Caller says what the kernel has to be asked of who causes an event of a type, for a rule that names the field; nil for nothing.
	Caller func(Arg, event.Type) event.CallerParts
	// Bind gives the extractor for one argument where finding what that names takes a search (evt.arg.NAME): it is called when a
	// rule is loaded, so that no event pays for the search. nil otherwise.
	Bind func(Arg) func(ev *event.Event, v *Value) bool
	// Extract fills v and tells whether the event has a value; of a field with Bind, [Dictionary.Lookup] sets it. It may be called by
	// several goroutines at once, each with its own v; text it sets may alias the event. For a list, or a Quantifier other than One,
	// it appends to v.List[:0].
	Extract func(ev *event.Event, arg Arg, v *Value) bool
	// Print fills v with what templates show, where that is not what conditions compare (proc.aname without argument:
	// the names joined by blanks); nil otherwise. It never appends to v.List for a Quantifier.
	Print func(ev *event.Event, arg Arg, v *Value) bool
}

// Ref is a field as a condition or a template uses it.
type Ref struct {
	*Info
	Args Arg
	// Kind is the type of the value, also where it depends on the argument.
	Kind Type
}

// Get extracts the field's value.
func (r *Ref) Get(ev *event.Event, v *Value) bool { return r.Extract(ev, r.Args, v) }

// GetPrint extracts the value that templates show: of a FilterOnly field none.
func (r *Ref) GetPrint(ev *event.Event, v *Value) bool {
	if r.Flags&FilterOnly != 0 {
		return false
	}
	get := r.Extract
	if r.Print != nil {
		get = r.Print
	}
	ok := get(ev, r.Args, v)
	if ok && ev.Captured != nil && !r.List && r.Kind.Group() == Text {
		v.Str = printableText(v.Str)
	}
	return ok
}

// Asks is what the kernel has to be asked of who causes an event of a type, for a rule about that type.
func (r *Ref) Asks(t event.Type) event.CallerParts {
	if r.Caller == nil {
		return 0
	}
	return r.Caller(r.Args, t)
}

// String is the field as it is written in rules, with its argument.
func (r *Ref) String() string {
	if !r.Args.Set {
		return r.Name
	}
	if r.DotArg && r.Args.Index < 0 {
		return r.Name + "." + r.Args.Text
	}
	return r.Name + "[" + r.Args.Text + "]"
}

// Dictionary finds fields by name. It is not changed after it was built.
type Dictionary struct {
	order  []*Info
	byName map[string]*Info
}

// NewDictionary builds a dictionary; a later entry of the same name replaces an earlier one.
func NewDictionary(infos ...Info) *Dictionary {
	d := &Dictionary{byName: make(map[string]*Info, len(infos))}
	for i := range infos {
		in := &infos[i]
		if _, ok := d.byName[in.Name]; !ok {
			d.order = append(d.order, in)
		}
		d.byName[in.Name] = in
	}
	return d
}

// Fields lists the entries in the order in which they were given.
func (d *Dictionary) Fields() []*Info { return d.order }

// Error is a use of a field that the dictionary refuses.
type Error struct {
	Field string
	// Unknown: there is no such field, or none with such an argument: a rule may ask to be skipped then. Which wrong
	// arguments count as that, and which as a mistake, is Falco's choice.
	Unknown bool
	// WrongArg: there is such a field, but not with or without such an argument.
	WrongArg bool
	Reason   string
}

func (e *Error) Error() string { return e.Reason }
