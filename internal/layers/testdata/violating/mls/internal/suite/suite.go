package suite

import "crypto/rand"

var Text = rand.Text
