package engine

import (
	"fmt"
	"strings"

	"github.com/saker-sensor/saker/internal/field"
)

// Options of loading.
type Options struct {
	// Dictionary holds the fields that rules may name.
	Dictionary *field.Dictionary
	// CheckOutput refuses a bad output template; nil accepts all. An error that wraps a [field.Error] says whether a
	// field is unknown; any other error counts as that.
	CheckOutput func(template string) error
	// MinPriority leaves out what is less severe; zero means Debug.
	MinPriority Priority
	// MatchAll: an event yields all rules that it matches, not the first alone.
	MatchAll bool
	// Selection switches rules on and off once all files are loaded, in its order.
	Selection []Selector
	// Builtin holds macros (and lists for them) of our own. Each is used only where no rule file defines its name, and
	// knows no names but those of Builtin itself.
	Builtin *Source
	// Plugins are the plugins that count as loaded, name to version; nil means those that Saker stands in for.
	Plugins map[string]string
}

// standInPlugins are Falco's plugins whose fields Saker has itself.
var standInPlugins = map[string]string{"container": "0.7.1"}

// Selector switches the rules with a name (in which * stands for anything) or with a tag.
type Selector struct {
	Enable bool
	Rule   string
	Tag    string
}

// Load reads rule files in their order. The rules are nil if a file has an error or a plugin is missing; the results
// say what is wrong.
func Load(sources []Source, opt Options) (*Ruleset, Results) {
	if opt.MinPriority == 0 {
		opt.MinPriority = Debug
	}
	l := loader{opt: opt, seen: map[seenKey]bool{}, col: newCollector(opt.Dictionary)}
	var results Results
	if opt.Builtin != nil {
		if err := l.readBuiltin(*opt.Builtin); err != nil {
			return nil, Results{Err: err}
		}
	}
	for _, s := range sources {
		results.Files = append(results.Files, l.load(s))
	}
	if len(sources) == 0 {
		l.compile(&report{seen: l.seen})
	}
	results.Err = checkPlugins(l.col.plugins, opt.Plugins)
	if !results.Successful() {
		return nil, results
	}
	applySelection(l.rules, opt.Selection)
	rs := newRuleset(l.rules, opt.MatchAll)
	rs.catalog = newCatalog(l.last)
	return rs, results
}

// loader is the state between files.
type loader struct {
	opt     Options
	col     *collector
	builtin *collector
	seen    map[seenKey]bool
	// rules and last are what was compiled after the last file, from all files until then.
	rules []*Rule
	last  *compiler
}

func newCollector(dict *field.Dictionary) *collector {
	return &collector{
		sources:        map[string]bool{"syscall": true},
		checkException: exceptionCheck(dict),
		poisoned:       map[string]bool{},
	}
}

// load reads one file and compiles all so far, as Falco does: a file must be complete with those before it.
func (l *loader) load(s Source) Result {
	res := Result{Name: s.Name}
	rep := &report{seen: l.seen}
	src := newSource(s)
	root := trail{}.at("rules content", src, 0)
	if s.Err != nil {
		rep.error(root.problem(ErrFileRead, s.Err.Error()))
		res.Errors = rep.errors
		return res
	}
	docs, yerr := parseYAML(src)
	if yerr != nil {
		line, col := src.position(yerr.off)
		// The prefix is what Falco's users look for.
		rep.error(root.at("value for", src, yerr.off).problem(ErrYAMLParse,
			fmt.Sprintf("yaml-cpp: error at line %d, column %d: %s", line, col, yerr.msg)))
		res.Errors = rep.errors
		return res
	}
	res.Schema, res.SchemaWarnings = checkSchema(docs)
	r := &reader{src: src, col: l.col, rep: rep, root: root}
	r.read(docs)
	l.compile(rep)
	res.Errors, res.Warnings = rep.errors, rep.warnings
	return res
}

func (l *loader) compile(rep *report) {
	l.last = &compiler{
		dict: l.opt.Dictionary, checkOutput: l.opt.CheckOutput, minPriority: l.opt.MinPriority, col: l.col, rep: rep,
	}
	for _, m := range l.col.macros.all {
		m.used = false
	}
	for _, li := range l.col.lists.all {
		li.used = false
	}
	l.rules = l.last.compile(l.builtin)
}

// readBuiltin reads our own macros; a mistake in them is the program's, not the user's.
func (l *loader) readBuiltin(s Source) error {
	src := newSource(s)
	docs, yerr := parseYAML(src)
	if yerr != nil {
		line, col := src.position(yerr.off)
		return fmt.Errorf("read built-in macros %s:%d:%d: %s", s.Name, line, col, yerr.msg)
	}
	l.builtin = newCollector(l.opt.Dictionary)
	rep := &report{seen: map[seenKey]bool{}}
	r := &reader{src: src, col: l.builtin, rep: rep, root: trail{}.at("rules content", src, 0)}
	r.read(docs)
	c := &compiler{dict: l.opt.Dictionary, col: newCollector(l.opt.Dictionary), rep: rep, minPriority: Debug}
	c.compile(l.builtin)
	if len(rep.errors) > 0 {
		p := rep.errors[0]
		return fmt.Errorf("read built-in macros %s:%d:%d: %s", s.Name, p.At().Line, p.At().Column, p.Message)
	}
	return nil
}

// checkPlugins tells whether each need is met by one plugin.
func checkPlugins(needs []pluginNeed, loaded map[string]string) error {
	if loaded == nil {
		loaded = standInPlugins
	}
	for _, need := range needs {
		met := false
		var names []string
		for _, n := range need {
			v, ok := parseVersion(loaded[n.name])
			met = met || ok && v.satisfies(n.version)
			names = append(names, fmt.Sprintf("%s (>= %s)", n.name, n.version))
		}
		if !met {
			return fmt.Errorf("check required_plugin_versions: plugin requirement not satisfied, must load one of: %s",
				strings.Join(names, ", "))
		}
	}
	return nil
}
