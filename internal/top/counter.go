package top

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a [Counter]: what is beyond counts among others.
const (
	// maxRows is how many containers, and how many processes, are counted by themselves in an interval.
	maxRows = 4096
	// maxSent is how many rows of each table a report has.
	maxSent = 100
)

// Process names a process for good: pids are used again.
type Process struct {
	PID int32
	// Start is in ns since boot.
	Start uint64
}

// Subject is whose event it is. Its texts may alias the event.
type Subject struct {
	Process
	Comm string
	// ContainerID and ContainerName are "host" on the host; the name may be empty.
	ContainerID, ContainerName string
}

// Counter counts for one interval after another. It is not safe for several goroutines.
type Counter struct {
	rules      map[string]*Row
	containers map[string]*Row
	processes  map[Process]*Row
	// types are the events by type.
	types []uint64
	// process and container are the rows of the event at hand; nil if it has none.
	process, container *Row
}

// NewCounter makes an empty one.
func NewCounter() *Counter {
	return &Counter{rules: map[string]*Row{}, containers: map[string]*Row{}, processes: map[Process]*Row{}}
}

// Event counts one, of a type. The alerts that follow are its.
func (c *Counter) Event(typ uint16, s *Subject) {
	if int(typ) >= len(c.types) {
		c.types = append(c.types, make([]uint64, int(typ)+1-len(c.types))...)
	}
	c.types[typ]++
	c.find(s)
	c.count(Counts{Events: 1})
}

// Alert counts a match of the event at hand; lost says that an output had no room for it.
func (c *Counter) Alert(rule string, lost bool) {
	r := c.rules[rule]
	if r == nil { // rules are few, and their names are kept by others
		r = &Row{Name: rule}
		c.rules[rule] = r
	}
	r.Alerts++
	if lost {
		r.Lost++
	}
	c.count(Counts{Alerts: 1})
}

// Lost counts records that a process has lost, at least.
func (c *Counter) Lost(s *Subject, records uint64) {
	c.find(s)
	c.count(Counts{Lost: records})
}

// find finds or makes the rows of a subject.
func (c *Counter) find(s *Subject) {
	c.process, c.container = c.processes[s.Process], c.containers[s.ContainerID]
	if c.container == nil && len(c.containers) < maxRows {
		id := strings.Clone(s.ContainerID)
		c.container = &Row{ID: id}
		c.containers[id] = c.container
	}
	if c.container != nil && c.container.Name == "" {
		c.container.Name = strings.Clone(s.ContainerName)
	}
	if c.process == nil && len(c.processes) < maxRows {
		c.process = &Row{ID: strconv.Itoa(int(s.PID))}
		c.processes[s.Process] = c.process
	}
	if p := c.process; p != nil {
		if p.Name != s.Comm { // it executes another program
			p.Name = strings.Clone(s.Comm)
		}
		if p.In == "" {
			p.In = strings.Clone(cmp.Or(s.ContainerName, s.ContainerID))
		}
	}
}

func (c *Counter) count(n Counts) {
	if c.process != nil {
		c.process.add(n)
	}
	if c.container != nil {
		c.container.add(n)
	}
}

// Rule is one that runs, with the event types that its condition asks about.
type Rule struct {
	Name  string
	Types []uint16
}

// Report tells of the interval and begins the next one. total is all that happened in it, alertsLost how many alerts an
// output had no room for.
func (c *Counter) Report(total Counts, alertsLost uint64, rules []Rule) *Report {
	r := &Report{Total: total, AlertsLost: alertsLost}
	var rows []Row
	for i := range rules {
		row := Row{Name: rules[i].Name}
		if known := c.rules[row.Name]; known != nil {
			row.Counts = known.Counts
			delete(c.rules, row.Name)
		}
		for _, t := range rules[i].Types {
			if int(t) < len(c.types) {
				row.Events += c.types[t]
			}
		}
		rows = append(rows, row)
	}
	for _, row := range c.rules { // of before a reload
		rows = append(rows, *row)
	}
	var sum Counts
	for i := range rows {
		sum.add(rows[i].Counts)
	}
	r.Rules = table(rows, sum)
	r.Containers = table(collect(c.containers), total)
	r.Processes = table(collect(c.processes), total)
	clear(c.rules)
	clear(c.containers)
	clear(c.processes)
	clear(c.types)
	c.process, c.container = nil, nil
	return r
}

func collect[K comparable](rows map[K]*Row) []Row {
	out := make([]Row, 0, len(rows))
	for _, row := range rows {
		out = append(out, *row)
	}
	return out
}

// table keeps the rows in which most has happened, losses and alerts before events.
func table(rows []Row, total Counts) Table {
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Lost, a.Lost), cmp.Compare(b.Alerts, a.Alerts), cmp.Compare(b.Events, a.Events), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.ID, b.ID))
	})
	rows = slices.DeleteFunc(rows, func(r Row) bool { return r.Counts == Counts{} })
	shown := min(len(rows), maxSent)
	t := Table{Rows: rows[:shown:shown], More: len(rows) - shown}
	rest := total
	for _, row := range t.Rows {
		rest.Events -= min(rest.Events, row.Events)
		rest.Alerts -= min(rest.Alerts, row.Alerts)
		rest.Lost -= min(rest.Lost, row.Lost)
	}
	t.Others = rest
	return t
}
