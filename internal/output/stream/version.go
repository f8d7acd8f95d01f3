package stream

import (
	"context"
	"strconv"
	"strings"

	"github.com/saker-sensor/saker/internal/output/falcopb/version"
)

// versionService is falco.version.service.
type versionService struct {
	version.UnimplementedServiceServer
	version string
}

// Version implements [version.ServiceServer].
func (s *versionService) Version(context.Context, *version.Request) (*version.Response, error) {
	return parseVersion(s.version), nil
}

// parseVersion takes a version apart by the rules of semver.org; what is none has no parts.
func parseVersion(text string) *version.Response {
	r := &version.Response{Version: text}
	core, build, _ := strings.Cut(strings.TrimPrefix(text, "v"), "+")
	core, pre, _ := strings.Cut(core, "-")
	parts := strings.Split(core, ".")
	if len(parts) != 3 {
		return r
	}
	var n [3]uint32
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 32)
		if err != nil {
			return r
		}
		n[i] = uint32(v)
	}
	r.Major, r.Minor, r.Patch, r.Prerelease, r.Build = n[0], n[1], n[2], pre, build
	return r
}
