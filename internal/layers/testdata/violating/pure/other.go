package pure

func elsewhere() {
	counter = 2 // want: pure is pure and assigns its package variable counter
}
