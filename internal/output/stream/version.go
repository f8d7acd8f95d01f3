package stream

import (
	"context"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/saker-sensor/saker/internal/output/falcopb/version"
)

// versionService is falco.version.service.
type versionService struct {
	version.UnimplementedServiceServer
	response *version.Response
}

// Version implements [version.ServiceServer].
func (s *versionService) Version(context.Context, *version.Request) (*version.Response, error) {
	return proto.CloneOf(s.response), nil
}

// newVersion describes a sensor and its rule engine.
func newVersion(sensor, engine, fieldsChecksum string) *version.Response {
	s, e := parseSemver(sensor), parseSemver(engine)
	return &version.Response{
		Version: sensor, Major: s.major, Minor: s.minor, Patch: s.patch, Prerelease: s.prerelease, Build: s.build,
		EngineVersion: engine, EngineMajor: e.major, EngineMinor: e.minor, EnginePatch: e.patch, EngineFieldsChecksum: fieldsChecksum,
	}
}

// semver is a version by the rules of semver.org.
type semver struct {
	major, minor, patch uint32
	prerelease, build   string
}

// parseSemver takes a version apart; what is none has no parts.
func parseSemver(text string) semver {
	core, build, _ := strings.Cut(strings.TrimPrefix(text, "v"), "+")
	core, pre, _ := strings.Cut(core, "-")
	parts := strings.Split(core, ".")
	if len(parts) != 3 {
		return semver{}
	}
	var n [3]uint32
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 32)
		if err != nil {
			return semver{}
		}
		n[i] = uint32(v)
	}
	return semver{n[0], n[1], n[2], pre, build}
}
