package tds

// AppendAttention appends an attention: a packet of nothing but its header
// (MS-TDS 2.2.1.7).
func AppendAttention(dst []byte) []byte {
	return Header{Type: PacketAttention, Status: StatusEOM, Length: HeaderSize, PacketID: 1}.Append(dst)
}

// AppendAttentionAck appends the message with which a server acknowledges an
// attention: a lone DONE with the attention bit.
func AppendAttentionAck(dst []byte, spid uint16, v Version) []byte {
	done := Done{Status: DoneAttention, CurCmd: CurCmdNone}.Append(nil, v)
	return AppendMessage(dst, PacketReply, 0, spid, DefaultPacketSize, done)
}
