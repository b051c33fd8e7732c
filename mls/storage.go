package mls

// Parts is the change of a group's stored form: named parts to set and names to drop. Parts are secret.
type Parts struct {
	Set  map[string][]byte
	Drop []string
}

// Parts returns what has changed since an earlier value of the same group (nil: everything). Part names are short ASCII and
// stable; a message sent within the reserved generations changes none, a commit changes parts proportional to what it touched.
func (g *Group) Parts(since *Group) Parts { panic("skeleton") }

// LoadGroup rebuilds a value from all its parts. Sending continues after the reserved generations.
func LoadGroup(parts map[string][]byte, cfg Config) (*Group, error) { panic("skeleton") }
