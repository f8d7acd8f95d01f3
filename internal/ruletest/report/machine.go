package report

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/saker-sensor/saker/internal/ruletest"
)

// JSON writes one object with everything.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	out := struct {
		Passed bool `json:"passed"`
		*Report
	}{!r.Failed(), r}
	if err := e.Encode(out); err != nil {
		return fmt.Errorf("write the report as JSON: %w", err)
	}
	return nil
}

// The elements of JUnit's XML that its readers have in common.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Name    string       `xml:"name,attr"`
		Tests   int          `xml:"tests,attr"`
		Failed  int          `xml:"failures,attr"`
		Errors  int          `xml:"errors,attr"`
		Time    string       `xml:"time,attr"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name    string      `xml:"name,attr"`
		Tests   int         `xml:"tests,attr"`
		Failed  int         `xml:"failures,attr"`
		Errors  int         `xml:"errors,attr"`
		Skipped int         `xml:"skipped,attr"`
		Time    string      `xml:"time,attr"`
		Cases   []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string       `xml:"name,attr"`
		Class   string       `xml:"classname,attr"`
		File    string       `xml:"file,attr"`
		Line    int          `xml:"line,attr"`
		Time    string       `xml:"time,attr"`
		Failure *junitReason `xml:"failure"`
		Error   *junitReason `xml:"error"`
	}
	junitReason struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the XML that CI systems read: a suite for each file, a case for each test. A file that could not be run is an error.
func (r *Report) JUnit(w io.Writer) error {
	all := junitSuites{Name: "sensor rules test"}
	seconds := 0.0
	for i := range r.Files {
		s := suite(&r.Files[i])
		all.Tests, all.Failed, all.Errors = all.Tests+s.Tests, all.Failed+s.Failed, all.Errors+s.Errors
		seconds += r.Files[i].Seconds
		all.Suites = append(all.Suites, s)
	}
	all.Time = duration(seconds)
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("write the report as XML: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

func duration(seconds float64) string { return fmt.Sprintf("%.3f", seconds) }

func suite(f *ruletest.Result) junitSuite {
	s := junitSuite{Name: f.File, Tests: len(f.Cases), Failed: f.Failures(), Time: duration(f.Seconds)}
	for i := range f.Cases {
		c := &f.Cases[i]
		jc := junitCase{Name: c.Name, Class: f.File, File: f.File, Line: c.Line, Time: duration(c.Seconds)}
		if len(c.Failures) > 0 {
			jc.Failure = &junitReason{Message: c.Failures[0].Message, Type: "expectation"}
			var lines []string
			for _, fl := range c.Failures {
				lines = append(lines, fmt.Sprintf("%s:%d:%d: %s", f.File, fl.Line, fl.Column, fl.Message))
				for _, d := range fl.Detail {
					lines = append(lines, "    "+d)
				}
			}
			jc.Failure.Text = strings.Join(lines, "\n")
		}
		s.Cases = append(s.Cases, jc)
	}
	if f.Error != "" {
		s.Tests++
		s.Errors = 1
		s.Cases = append(s.Cases, junitCase{Name: f.File, Class: f.File, File: f.File, Line: 1, Time: duration(0),
			Error: &junitReason{Message: f.Error, Type: "file", Text: f.Error}})
	}
	return s
}
