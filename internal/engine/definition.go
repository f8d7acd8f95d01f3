package engine

// Definitions are what the reader makes of a file's items: texts stay nodes, so that every later problem can name its
// place.

// list is a named list of values.
type list struct {
	name  string
	items []*node
	where trail
	order
	// compiled are the items with other lists' items in place of their names, uses the names of those lists.
	compiled []item
	uses     []string
}

// macro is a named condition.
type macro struct {
	name  string
	cond  []*node
	where trail
	order
}

// order says what a definition can see and whether something sees it.
type order struct {
	// index counts definitions; a redefinition keeps it. visibility is the index of the last one: macros and lists see
	// what has an index below their visibility.
	index, visibility int
	used              bool
}

// rule is a rule as far as it has been put together. cond and output are pieces, joined by blanks.
type rule struct {
	name         string
	cond, output []*node
	desc         string
	priority     Priority
	source       string
	enabled      bool
	tags         []string
	exceptions   []*exception
	warnEvttypes bool
	// skipUnknown: a field or event type that is not known drops the rule, not the file.
	skipUnknown     bool
	capture         bool
	captureDuration uint32
	// foreign: the rule's source is not ours; it is kept by name only.
	foreign bool
	where   trail
	// changes are the later items that changed the rule.
	changes []trail
	order
}

// exception is an entry of a rule's exceptions.
type exception struct {
	name string
	// fields and comps are nil where they were not given; each is a scalar or a sequence of scalars.
	fields, comps *node
	values        []*node
	where         trail
}

// override says what is done with which keys of an item.
type override struct{ add, replace map[string]bool }

func newOverride() override { return override{map[string]bool{}, map[string]bool{}} }

func (o *override) any() bool { return len(o.add)+len(o.replace) > 0 }

// pluginNeed is an entry of required_plugin_versions: one of the alternatives must be loaded.
type pluginNeed []pluginVersion

type pluginVersion struct {
	name    string
	version version
}
