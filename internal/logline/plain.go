package logline

// Plain appends text without the escape sequences of terminals (ECMA-48):
// colours, movements, titles. A sequence that has no end is left out to the end of
// the text.
func Plain(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		if text[i] != 0x1b {
			dst = append(dst, text[i])
			i++
			continue
		}
		i += escape(text[i:])
	}
	return dst
}

// escape returns the length of the sequence that text begins with.
func escape(text []byte) int {
	if len(text) == 1 {
		return 1
	}
	switch text[1] {
	case '[':
		for i, c := range text[2:] {
			if c >= 0x40 && c <= 0x7e {
				return i + 3
			}
			if c < 0x20 || c > 0x7e {
				return i + 2 // broken off
			}
		}
		return len(text)
	case ']', 'P', 'X', '^', '_': // a string, up to BEL or ESC \
		for i, c := range text[2:] {
			if c == 7 {
				return i + 3
			}
			if c == 0x1b {
				if i+3 < len(text) && text[i+3] == '\\' {
					return i + 4
				}
				return i + 2
			}
		}
		return len(text)
	}
	for i, c := range text[1:] { // intermediates, then one that ends it
		if c < 0x20 || c > 0x2f {
			if c >= 0x30 && c <= 0x7e {
				return i + 2
			}
			return i + 1
		}
	}
	return len(text)
}
