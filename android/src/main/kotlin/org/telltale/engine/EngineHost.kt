package org.telltale.engine

/** What only the platform can answer. The engine asks from threads of its own. */
interface EngineHost {
    /** Keeps the socket [fd] out of the VPN; false when the platform refused. */
    fun protect(fd: Int): Boolean

    /**
     * Who opened the connection, as JSON `{"name":"com.example","uid":10123}`; null when nobody knows.
     *
     * @param protocol IP protocol number: 6 TCP, 17 UDP.
     * @param local address of the phone's end, 4 or 16 bytes in network order.
     */
    fun owner(protocol: Int, local: ByteArray, localPort: Int, remote: ByteArray, remotePort: Int): String?
}

/** For captures: nothing is sent, and the capture itself says who sent it. */
object NoHost : EngineHost {
    override fun protect(fd: Int): Boolean = false

    override fun owner(protocol: Int, local: ByteArray, localPort: Int, remote: ByteArray, remotePort: Int): String? = null
}
