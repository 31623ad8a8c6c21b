package tds

// Stages of a COLMETADATA.
const (
	stageColumnCount = iota
	stageKeyCount    // column encryption: count of the key table
	stageKeys        // column encryption: its entries
	stageColumns
)

// metadataPart reads the next part of a COLMETADATA (MS-TDS 2.2.7.4) and
// records the columns' rules. A part is taken whole or, with c.err set, not.
func (w *Walker) metadataPart(c *cursor) (last bool) {
	p := &w.parse
	switch p.stage {
	case stageColumnCount:
		n := int(c.u16())
		if c.err != nil {
			return false
		}
		if n == noMetadata {
			// The columns are those of the result set before, if there was one;
			// a row without any is where the walk ends.
			return true
		}
		w.columns, w.known = w.columns[:0], n == 0
		p.stage, p.left = stageColumns, n
		if w.ColumnEncryption {
			p.stage = stageKeyCount
			return false
		}
		return n == 0
	case stageKeyCount:
		n := int(c.u16())
		if c.err != nil {
			return false
		}
		p.stage, p.sub = stageKeys, n
		if n == 0 {
			p.stage = stageColumns
			return p.left == 0
		}
	case stageKeys:
		c.skipKey()
		if c.err != nil {
			return false
		}
		if p.sub--; p.sub == 0 {
			p.stage = stageColumns
			return p.left == 0
		}
	default:
		rule := w.columnPart(c)
		if c.err != nil {
			return false
		}
		w.columns = append(w.columns, rule)
		p.left--
		w.known = p.left == 0
		return w.known
	}
	return false
}

// columnPart reads one column of a COLMETADATA.
func (w *Walker) columnPart(c *cursor) columnRule {
	c.userType(w.version)
	flags := c.u16()
	t, _ := c.typeInfo(false)
	if t.isLong() {
		c.tableName(w.version)
	}
	if w.ColumnEncryption && flags&ColEncrypted != 0 {
		c.u16() // ordinal in the key table
		c.skipCryptoMetadata(w.version)
	}
	c.bVarchar()
	return t.rule()
}

// skipKey steps over one EK_INFO of the key table.
func (c *cursor) skipKey() {
	c.take(4 + 4 + 4 + 8) // database, key, key version, metadata version
	for n := c.u8(); n > 0 && c.err == nil; n-- {
		c.take(int(c.u16())) // encrypted key
		c.bVarchar()         // key store
		c.usVarchar()        // key path
		c.bVarchar()         // algorithm
	}
}

// skipCryptoMetadata steps over a CryptoMetaData after its ordinal, which a
// RETURNVALUE has not.
func (c *cursor) skipCryptoMetadata(v Version) {
	c.userType(v)
	_, _ = c.typeInfo(false) // of the value in clear; the error stays in c
	if c.u8() == 0 {
		c.bVarchar() // name of a custom algorithm
	}
	c.take(2) // algorithm type, normalisation version
}

// Stages of a DATACLASSIFICATION.
const (
	stageLabelCount = iota
	stageLabels
	stageTypeCount
	stageTypes
	stageRank
	stageClassColumns
	stageClassColumn
	stageProperties
)

// classificationPart reads the next part of a DATACLASSIFICATION (MS-TDS
// 2.2.7.5): labels, information types, and for each column the pairs of them.
func (w *Walker) classificationPart(c *cursor) (last bool) {
	p := &w.parse
	switch p.stage {
	case stageLabelCount, stageTypeCount:
		if n := int(c.u16()); c.err == nil {
			p.left = n
			p.stage++
			if n == 0 {
				p.stage++
			}
		}
	case stageLabels, stageTypes:
		c.bVarchar() // name
		c.bVarchar() // id
		if c.err == nil {
			if p.left--; p.left == 0 {
				p.stage++
			}
		}
	case stageRank:
		if w.SensitivityRank {
			c.u32()
		}
		if c.err == nil {
			p.stage = stageClassColumns
		}
	case stageClassColumns:
		if n := int(c.u16()); c.err == nil {
			p.left, p.stage = n, stageClassColumn
			return n == 0
		}
	case stageClassColumn:
		if n := int(c.u16()); c.err == nil {
			p.sub, p.stage = n, stageProperties
			p.left--
			if n == 0 {
				p.stage = stageClassColumn
				return p.left == 0
			}
		}
	case stageProperties:
		if w.SensitivityRank {
			c.u32()
		}
		c.take(4) // label, information type
		if c.err == nil {
			if p.sub--; p.sub == 0 {
				p.stage = stageClassColumn
				return p.left == 0
			}
		}
	}
	return false
}
