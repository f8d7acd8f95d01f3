package engine

// What the tests outside of the package, which use package inspect, need of the inside.
var (
	TestOptions = testOptions
	Doubts      = doubts
	MustLoad    = mustLoad
	MatchAlone  = matchAlone
	NewRuleset  = newRuleset
	Opened      = opened
)

// Tail is what the rules of the tests have in common.
const Tail = tail
