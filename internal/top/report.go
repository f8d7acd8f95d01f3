// Package top counts events, alerts and losses by rule, container and process while a viewer is connected, sends the counts over
// a Unix socket, and shows them as a table. Without a viewer it costs nothing.
package top

import "time"

// Counts of one interval.
type Counts struct {
	// Events were given to the rules. A rule's are those of the types that its condition asks about.
	Events uint64 `json:"events"`
	// Alerts are matches, also those that were held back or lost on their way out.
	Alerts uint64 `json:"alerts"`
	// Lost are records that found a ring full; of a process and a container at least so many, as the kernel keeps who lost
	// most on each processor. Of a rule they are its alerts that an output had no room for.
	Lost uint64 `json:"lost"`
}

func (c *Counts) add(o Counts) {
	c.Events, c.Alerts, c.Lost = c.Events+o.Events, c.Alerts+o.Alerts, c.Lost+o.Lost
}

// Row is a rule, a container or a process.
type Row struct {
	// Name is a rule's, a container's, or a process's comm. It may hold anything.
	Name string `json:"name"`
	// ID is a container's id, or a process's pid; a rule has none.
	ID string `json:"id,omitempty"`
	// In is a process's container.
	In string `json:"container,omitempty"`
	Counts
}

// Table holds the rows with most losses, alerts and events. More is the number of rows that are not in it, Others what is
// in no row: theirs, and of processes and containers also what was beyond the bounds, and the events of types that no rule
// asks about.
type Table struct {
	Rows   []Row  `json:"rows"`
	More   int    `json:"more"`
	Others Counts `json:"others"`
}

// Identity is that of a running sensor.
type Identity struct {
	Version string `json:"version,omitempty"`
	// PID is the sensor's as the reader's pid namespace counts it, Socket where it listens. The reader fills them in.
	PID    int32  `json:"pid"`
	Socket string `json:"socket"`
}

// Report is what happened in an interval.
type Report struct {
	// Sensor says whose counts these are.
	Sensor Identity  `json:"sensor"`
	Time   time.Time `json:"time"`
	// Seconds is how long the interval was: about one.
	Seconds float64 `json:"seconds"`
	// Missed is how many reports before this one were not sent, because this viewer was too slow.
	Missed uint64 `json:"missed,omitempty"`
	// Total is exact, whatever the tables leave out.
	Total Counts `json:"total"`
	// AlertsLost are those that an output had no room for.
	AlertsLost uint64 `json:"alerts_lost"`
	Rules      Table  `json:"rules"`
	Containers Table  `json:"containers"`
	Processes  Table  `json:"processes"`
}
