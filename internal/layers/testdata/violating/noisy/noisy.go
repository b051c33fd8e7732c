package noisy

import "os"

var Args = os.Args
