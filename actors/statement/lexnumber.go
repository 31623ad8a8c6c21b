package statement

// number reads a number, as long as it may be, or a binary constant.
func (l *lexer) number(t *token) {
	b := l.b
	start := l.pos
	i := start
	t.kind = tokNumber
	if isUnit(b, i, '0') && (isUnit(b, i+2, 'x') || isUnit(b, i+2, 'X')) {
		t.kind = tokBinary
		for i += 4; i+1 < len(b) && b[i+1] == 0 && isHex(b[i]); i += 2 {
		}
	} else {
		i = digits(b, i)
		if isUnit(b, i, '.') {
			i = digits(b, i+2)
		}
		if isUnit(b, i, 'e') || isUnit(b, i, 'E') {
			j := i + 2
			if isUnit(b, j, '+') || isUnit(b, j, '-') {
				j += 2
			}
			switch k := digits(b, j); {
			case k > j:
				i = k
			case j+1 < len(b) && partOfName(b, j) || j > i+2:
				// 1EXEC: a server may take "1E" for the number.
				l.odd = true
			}
		}
	}
	if i+7 >= len(b) && !l.final { // an exponent may follow
		if i-start <= l.keep {
			t.kind = tokCut
			return
		}
		t.lost = true
	}
	t.text = b[start:i]
	l.pos = i
}

func digits(b []byte, i int) int {
	for i+1 < len(b) && b[i+1] == 0 && b[i] >= '0' && b[i] <= '9' {
		i += 2
	}
	return i
}

func isUnit(b []byte, i int, c byte) bool { return i+1 < len(b) && b[i] == c && b[i+1] == 0 }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
