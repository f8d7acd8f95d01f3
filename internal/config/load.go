package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
)

// Source is what a configuration is read from.
type Source struct {
	// File is the file of -c. Empty takes the first of DefaultFiles that is there, and if none is, the defaults alone.
	File string
	// Options are those of -o, "key=value", in order; the last one wins.
	Options []string
	// Rules are those of -r; they replace rules_files.
	Rules []string
}

// DefaultFiles are looked for without -c. Where Falco was replaced by this sensor, Falco's file counts.
func DefaultFiles() []string { return []string{"/etc/saker/saker.yaml", "/etc/falco/falco.yaml"} }

// Loaded is a configuration and what there is to say about it.
type Loaded struct {
	Config
	// Files were read, in this order; none means the defaults.
	Files []string
	// Warnings tell of mistakes that do not stop: unknown keys, keys that are there twice. Notes tell of what was accepted
	// and has no effect, and why. All name the place.
	Warnings, Notes []string
	root            *node
}

// Load reads a configuration: the defaults, then the file, then what its config_files name, then the options. The error
// holds all mistakes, a line each, with file, line, column and the remedy.
func Load(s Source) (*Loaded, error) {
	l := &Loaded{Config: Default()}
	if s.File == "" {
		for _, f := range DefaultFiles() {
			if _, err := os.Stat(f); err == nil {
				s.File = f
				break
			}
		}
	}
	if err := l.readTree(s); err != nil {
		return nil, err
	}
	l.adoptPlugin()
	c := &checker{table: newTable()}
	c.section(nil, l.root)
	if err := c.err(); err != nil {
		return nil, err
	}
	if err := l.adoptOldName(); err != nil {
		return nil, err
	}
	decode(l.root, reflect.ValueOf(&l.Config).Elem())
	l.setPlaces()
	l.finishPlugins()
	c.meaning(&l.Config, l.root)
	c.notYetUsed(&l.Config, l.root)
	l.Warnings, l.Notes = append(l.Warnings, c.warnings...), append(l.Notes, c.notes...)
	if err := c.err(); err != nil {
		return nil, err
	}
	l.dropAbsentRules()
	if len(s.Rules) > 0 {
		l.warnOfEmpty(s.Rules)
		l.setRules(textNodes(s.Rules, origin{option: "-r"}))
	}
	return l, nil
}

// readTree reads the files and overrides into one tree.
func (l *Loaded) readTree(s Source) error {
	l.root = &node{kind: mapping}
	var err error
	if s.File != "" {
		if l.root, l.Warnings, err = readFile(s.File); err != nil {
			return err
		}
		l.Files = []string{s.File}
	}
	var overrides []override
	for _, text := range s.Options {
		o, err := readOverride(text)
		if err != nil {
			return err
		}
		overrides = append(overrides, o)
	}
	includes, others := splitIncludes(overrides)
	if err := l.override(includes); err != nil {
		return err
	}
	if l.root, err = l.mergeIncludes(l.root, s.File); err != nil {
		return err
	}
	return l.override(others)
}

func (l *Loaded) override(overrides []override) (err error) {
	for _, o := range overrides {
		if l.root, err = o.apply(l.root); err != nil {
			return err
		}
	}
	return nil
}

// adoptOldName takes rules_file for rules_files.
func (l *Loaded) adoptOldName() error {
	old, now := l.root.get("rules_file"), l.root.get("rules_files")
	if old == nil || old.kind == null {
		return nil
	}
	if now != nil && now.kind != null {
		return fault(old.from, "rules_file is the old name of rules_files, and both are set; keep rules_files, which is at %s", now.from)
	}
	l.root = l.root.with("rules_files", old.from, old)
	l.Notes = append(l.Notes, fmt.Sprintf("%s: rules_file is the old name of rules_files", old.from))
	return nil
}

// adoptPlugin takes the container runtimes from Falco's container plugin, which has had them since 0.41, where the file
// loads it and names none itself.
func (l *Loaded) adoptPlugin() {
	if l.root.get("container_engines") != nil {
		return
	}
	if load := l.root.get("load_plugins"); load != nil {
		loaded := false
		for _, n := range load.elements() {
			loaded = loaded || n.text == "container"
		}
		if !loaded {
			return
		}
	}
	for _, p := range l.root.get("plugins").elements() {
		name, settings := p.get("name"), p.get("init_config")
		if name == nil || name.text != "container" || settings == nil {
			continue
		}
		if settings.kind == scalar { // the same as JSON
			inner, err := parseInline(settings.text, settings.from)
			if err != nil {
				continue // the plugin's to judge
			}
			settings = inner
		}
		if engines := settings.get("engines"); engines != nil {
			l.root = l.root.with("container_engines", engines.from, engines)
		}
	}
}

// dropAbsentRules leaves out rule files that are not there, as Falco does. If none is, they stay: loading the rules says
// so, and what needs no rules goes on.
func (l *Loaded) dropAbsentRules() {
	var there []*node
	var notes []string
	for _, n := range l.root.get("rules_files").elements() {
		if _, err := os.Stat(n.text); os.IsNotExist(err) {
			notes = append(notes, fmt.Sprintf("%s: rules_files: %s is absent and left out", n.from, n.text))
		} else {
			there = append(there, n)
		}
	}
	if len(there) == 0 {
		return
	}
	l.Notes = append(l.Notes, notes...)
	l.setRules(there)
}

// setPlaces notes where the entries were written that only the rules can check.
func (l *Loaded) setPlaces() {
	for i, n := range l.root.get("rules").elements() {
		l.Rules[i].Place = n.from.String()
	}
	for i, n := range l.root.get("append_output").elements() {
		l.AppendOutput[i].Place = n.from.String()
	}
	for i, n := range l.root.get("deduplication").get("rules").elements() {
		l.Deduplication.Rules[i].Place = n.from.String()
	}
}

// warnOfEmpty warns of directories of -r that hold no rule file. One of rules_files may be empty: rules.d often is.
func (l *Loaded) warnOfEmpty(rules []string) {
	for _, dir := range rules {
		entries, err := os.ReadDir(dir)
		if err != nil { // a file, or what loading the rules will report
			continue
		}
		if !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !e.IsDir() && IsRuleFile(e.Name()) }) {
			l.Warnings = append(l.Warnings, fmt.Sprintf("option -r %s: the directory holds no rule file (*.yaml, *.yml)", dir))
		}
	}
}

// IsRuleFile tells whether a file of a directory of rules is read, by its name.
func IsRuleFile(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".yaml" || ext == ".yml"
}

// setRules makes these the rule files, and the tree tell so.
func (l *Loaded) setRules(files []*node) {
	l.RulesFiles = nil
	for _, n := range files {
		l.RulesFiles = append(l.RulesFiles, n.text)
	}
	l.root = l.root.with("rules_files", files[0].from, &node{kind: list, items: files, from: files[0].from})
}

func textNodes(texts []string, from origin) []*node {
	var out []*node
	for _, t := range texts {
		out = append(out, &node{kind: scalar, text: t, from: from})
	}
	return out
}
