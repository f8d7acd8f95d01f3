package runtimes

import "sync"

// maxImageIDs bounds the images whose id is kept.
const maxImageIDs = 1024

// ImageIDs keeps the digests of image configurations, which are the images' ids, by the digest of the image. They never
// change. The zero value is ready; any goroutine may use it.
type ImageIDs struct {
	mu  sync.Mutex
	ids map[string]string
}

func (c *ImageIDs) get(digest string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok := c.ids[digest]
	return id, ok
}

func (c *ImageIDs) set(digest, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ids == nil || len(c.ids) >= maxImageIDs {
		c.ids = map[string]string{}
	}
	c.ids[digest] = id
}
