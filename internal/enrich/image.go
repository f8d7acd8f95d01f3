package enrich

import "sync"

// maxImageConfigs bounds the images whose configuration's digest is remembered.
const maxImageConfigs = 1024

// imageConfigs are the digests of images' configurations, by the digest of the image. They never change.
type imageConfigs struct {
	mu sync.Mutex
	of map[string]string
}

func (c *imageConfigs) get(digest string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok := c.of[digest]
	return id, ok
}

func (c *imageConfigs) set(digest, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil || len(c.of) >= maxImageConfigs {
		c.of = map[string]string{}
	}
	c.of[digest] = id
}
