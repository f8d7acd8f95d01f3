package main

import (
	"fmt"
	"html"
	"strings"
)

// panel is a small bar chart with a scale of its own; bars begin at 0.
type panel struct {
	title string
	bars  []bar
}

type bar struct {
	label, text, colour string
	value               float64
}

// Colours of the sets of rules, told apart without red and green.
const (
	grey   = "#9aa3ad"
	blue   = "#2f6fb0"
	teal   = "#56a3a6"
	orange = "#d98532"
	violet = "#7a5aa6"
)

var colours = map[string]string{"": grey, defaultRules: blue, execRule: teal, publishedRules: orange, allRules: violet}

// Sizes, in pixels.
const (
	width, margin, gutter   = 960, 28, 36
	columns                 = 2
	barHeight, barGap       = 18, 6
	titleHeight, panelSpace = 24, 22
	heading                 = 64
)

// draw is an SVG image of the panels, two in a row.
func draw(title string, panels []panel) string {
	labels, values := 0, 0
	for _, p := range panels {
		for _, b := range p.bars {
			labels, values = max(labels, len([]rune(b.label))), max(values, len([]rune(b.text)))
		}
	}
	// About the width of a character, as no font can be asked.
	labelWidth, valueWidth := labels*13/2+10, values*13/2+10
	panelWidth := (width - 2*margin - (columns-1)*gutter) / columns

	var body strings.Builder
	y := heading
	for first := 0; first < len(panels); first += columns {
		height := 0
		for i, p := range panels[first:min(first+columns, len(panels))] {
			x := margin + i*(panelWidth+gutter)
			drawPanel(&body, p, x, y, labelWidth, panelWidth-labelWidth-valueWidth)
			height = max(height, titleHeight+len(p.bars)*(barHeight+barGap))
		}
		y += height + panelSpace
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d"`+
		` font-family="system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="12" fill="#24292f">
<rect width="100%%" height="100%%" rx="8" fill="#ffffff"/>
<text x="%d" y="38" font-size="18" font-weight="600">%s</text>
%s</svg>
`, width, y, margin, html.EscapeString(title), body.String())
}

func drawPanel(b *strings.Builder, p panel, x, y, labelWidth, barsWidth int) {
	most := 0.0
	for _, bar := range p.bars {
		most = max(most, bar.value)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="13" font-weight="600">%s</text>`+"\n", x, y+12, html.EscapeString(p.title))
	left, top := x+labelWidth, y+titleHeight
	for i, bar := range p.bars {
		length := 0.0
		if most > 0 {
			length = max(bar.value/most*float64(barsWidth), 1)
		}
		at := top + i*(barHeight+barGap)
		text := at + barHeight/2 + 4
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="#57606a">%s</text>`, left-8, text, html.EscapeString(bar.label))
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" rx="2" fill="%s"/>`, left, at, length, barHeight, bar.colour)
		fmt.Fprintf(b, `<text x="%.1f" y="%d">%s</text>`+"\n", float64(left)+length+6, text, html.EscapeString(bar.text))
	}
	fmt.Fprintf(b, `<line x1="%d" y1="%d" x2="%[1]d" y2="%d" stroke="#d0d7de"/>`+"\n", left, top-3,
		top+len(p.bars)*(barHeight+barGap)-barGap+3)
}

func timePanels(samples []sample) (panels []panel) {
	for _, load := range loadNames(samples) {
		off := figureOf(samples, load, "").ns
		p := panel{title: load, bars: []bar{{label: "no sensor", text: duration(off), colour: grey, value: off}}}
		for _, rules := range rulesetNames(samples) {
			on := figureOf(samples, load, rules).ns
			p.bars = append(p.bars, bar{label: rules, text: duration(on) + "  " + percent(off, on), colour: colours[rules], value: on})
		}
		panels = append(panels, p)
	}
	return panels
}

func cpuPanels(samples []sample) (panels []panel) {
	for _, load := range loadNames(samples) {
		p := panel{title: load}
		for _, rules := range rulesetNames(samples) {
			cpu := figureOf(samples, load, rules).cpu
			p.bars = append(p.bars, bar{label: rules, text: duration(cpu), colour: colours[rules], value: cpu})
		}
		panels = append(panels, p)
	}
	return panels
}

func hookPanels(costs []hookCost) []panel {
	getppid, open := panel{title: getppidLoad}, panel{title: "open+close"}
	for i, c := range costs {
		colour := blue
		if i == 0 {
			colour = grey
		}
		getppid.bars = append(getppid.bars, bar{c.name, duration(c.getppid), colour, c.getppid})
		open.bars = append(open.bars, bar{c.name, duration(c.open), colour, c.open})
	}
	return []panel{getppid, open}
}
