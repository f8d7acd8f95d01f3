package decode

import (
	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// Package event imports nothing of ours, so some numbers of bpf/event.h stand there too. A difference does not compile: an
// index into an array of one element has to be 0.
var (
	_ = [1]struct{}{}[len(event.OpenMasks{}[0])-int(bpfgen.SensorOpenOutcomeOPEN_OUTCOMES)]
	_ = [1]struct{}{}[event.OutcomeFailed-event.Outcome(bpfgen.SensorOpenOutcomeOPEN_FAILED)]
	_ = [1]struct{}{}[event.OutcomeRegular-event.Outcome(bpfgen.SensorOpenOutcomeOPEN_REGULAR)]
	_ = [1]struct{}{}[event.OutcomeDirectory-event.Outcome(bpfgen.SensorOpenOutcomeOPEN_DIRECTORY)]
	_ = [1]struct{}{}[event.OutcomeOther-event.Outcome(bpfgen.SensorOpenOutcomeOPEN_OTHER)]
	_ = [1]struct{}{}[event.OutcomeNameChanged-event.Outcome(bpfgen.SensorOpenOutcomeOPEN_NAME_CHANGED)]
	_ = [1]struct{}{}[event.LayerNone-event.Layer(bpfgen.SensorLayerLAYER_NONE)]
	_ = [1]struct{}{}[event.LayerUpper-event.Layer(bpfgen.SensorLayerLAYER_UPPER)]
	_ = [1]struct{}{}[event.LayerLower-event.Layer(bpfgen.SensorLayerLAYER_LOWER)]
	_ = [1]struct{}{}[event.MaxArgs-int(bpfgen.SensorLimitsARGS_LEN_MAX)]
	_ = [1]struct{}{}[event.MaxEnv-int(bpfgen.SensorLimitsENV_LEN_MAX)]
)
