package engine

import (
	"fmt"
	"strings"

	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/field"
)

// Options of loading.
type Options struct {
	// Dictionary holds the fields that rules of the source syscall may name, and CheckOutput is that of their outputs; see [Source].
	Dictionary  *field.Dictionary
	CheckOutput func(template string) error
	// Sources are the other sources whose rules are loaded.
	Sources []Source
	// MinPriority leaves out what is less severe; zero means Debug.
	MinPriority rulefile.Priority
	// MatchAll: an event yields all rules that it matches, not the first alone.
	MatchAll bool
	// Selection switches rules on and off once all files are loaded, in its order.
	Selection []Selector
	// Builtin holds macros (and lists for them) of our own. Each is used only where no rule file defines its name, and
	// knows no names but those of Builtin itself.
	Builtin *rulefile.Source
	// Plugins are the plugins that count as loaded, name to version; nil means that of containers, whose fields are always there.
	Plugins map[string]string
}

// standInPlugins are Falco's plugins whose fields of system calls Saker has itself.
var standInPlugins = map[string]string{"container": "0.7.1"}

// Selector switches the rules with a name (in which * stands for anything) or with a tag.
type Selector struct {
	Enable bool
	Rule   string
	Tag    string
}

// Load reads rule files in their order. The rules are nil if a file has an error or a plugin is missing; the results
// say what is wrong.
func Load(sources []rulefile.Source, opt Options) (*Ruleset, rulefile.Results) {
	if opt.MinPriority == 0 {
		opt.MinPriority = rulefile.Debug
	}
	l := loader{opt: opt, rep: rulefile.NewReport(), sources: opt.sources()}
	l.col = newCollector(l.sources)
	var results rulefile.Results
	if opt.Builtin != nil {
		if err := l.readBuiltin(*opt.Builtin); err != nil {
			return nil, rulefile.Results{Err: err}
		}
	}
	for _, s := range sources {
		results.Files = append(results.Files, l.load(s))
	}
	if len(sources) == 0 {
		l.compile(l.rep)
	}
	results.Err = checkPlugins(l.col.Plugins, opt.Plugins)
	if !results.Successful() {
		return nil, results
	}
	applySelection(l.rules, opt.Selection)
	return newRulesets(l.sources, l.rules, opt.MatchAll, newCatalog(l.last)), results
}

// loader keeps what is shared between the files of one load.
type loader struct {
	opt     Options
	sources []Source
	col     *rulefile.Collector
	builtin *rulefile.Collector
	rep     *rulefile.Report
	// rules and last are the result of compiling all files read so far.
	rules []*Rule
	last  *compiler
}

func newCollector(sources []Source) *rulefile.Collector {
	names := make([]string, len(sources))
	for i := range sources {
		names[i] = sources[i].Name
	}
	return rulefile.NewCollector(exceptionCheck(sources), names...)
}

// load reads one file and compiles all so far, as Falco does: a file must be complete with those before it.
func (l *loader) load(s rulefile.Source) rulefile.Result {
	l.rep = l.rep.Next()
	res, readable := rulefile.Read(s, l.col, l.rep)
	if readable {
		l.compile(l.rep)
	}
	res.Errors, res.Warnings = l.rep.Errors, l.rep.Warnings
	return res
}

func (l *loader) compile(rep *rulefile.Report) {
	l.last = &compiler{sources: l.sources, minPriority: l.opt.MinPriority, col: l.col, rep: rep}
	l.rules = l.last.compile(l.builtin)
}

// readBuiltin reads our own macros; a mistake in them is the program's, not the user's.
func (l *loader) readBuiltin(s rulefile.Source) error {
	l.builtin = newCollector(l.sources)
	rep := rulefile.NewReport()
	if _, readable := rulefile.Read(s, l.builtin, rep); readable {
		c := &compiler{sources: l.sources, col: newCollector(l.sources), rep: rep, minPriority: rulefile.Debug}
		c.compile(l.builtin)
	}
	if len(rep.Errors) > 0 {
		p := rep.Errors[0]
		return fmt.Errorf("read built-in macros %s:%d:%d: %s", s.Name, p.At().Line, p.At().Column, p.Message)
	}
	return nil
}

// checkPlugins returns an error that names the first requirement that no loaded plugin satisfies.
func checkPlugins(needs []rulefile.PluginNeed, loaded map[string]string) error {
	if loaded == nil {
		loaded = standInPlugins
	}
	for _, need := range needs {
		met := false
		var names []string
		for _, n := range need {
			v, ok := rulefile.ParseVersion(loaded[n.Name])
			met = met || ok && v.Satisfies(n.Version)
			names = append(names, fmt.Sprintf("%s (>= %s)", n.Name, n.Version))
		}
		if !met {
			return fmt.Errorf("check required_plugin_versions: plugin requirement not satisfied, must load one of: %s",
				strings.Join(names, ", "))
		}
	}
	return nil
}
