package org.telltale.vpn

import java.net.InetAddress
import java.net.InetSocketAddress

/** A connection's ends; [protocol] is the IP protocol number, addresses have 4 or 16 bytes in network order. */
class Connection(val protocol: Int, val local: ByteArray, val localPort: Int, val remote: ByteArray, val remotePort: Int) {
    val localEnd: InetSocketAddress get() = InetSocketAddress(InetAddress.getByAddress(local), localPort)
    val remoteEnd: InetSocketAddress get() = InetSocketAddress(InetAddress.getByAddress(remote), remotePort)

    /** The unspecified address of the same family. */
    val any: InetAddress get() = InetAddress.getByAddress(ByteArray(local.size))

    companion object {
        const val TCP = 6
        const val UDP = 17
    }
}

/** Looks up the UID behind a socket. */
fun interface UidSource {
    /** The UID whose socket has just these ends; null when there is none. */
    fun uid(protocol: Int, local: InetSocketAddress, remote: InetSocketAddress): Int?
}

/**
 * Who opened a connection. System and unknown UIDs are what this app is for: they are described, never dropped.
 *
 * @param pause waits between two tries, milliseconds.
 */
class ConnectionOwner(
    private val source: UidSource,
    private val names: UidNames,
    private val pause: (Long) -> Unit = Thread::sleep,
) {
    /** A UID and what is known of its name. */
    data class Owner(val name: String, val uid: Int)

    /** The owner of [connection]; null when the system does not know, which is so for other protocols than TCP and UDP. */
    fun find(connection: Connection): Owner? {
        if (connection.protocol != Connection.TCP && connection.protocol != Connection.UDP) return null
        val uid = lookUp(connection) ?: return null
        // Up to Android 11 the system's resolver asks for every app, as root.
        val resolver = uid == ROOT && connection.remotePort == DNS_PORT
        return Owner(if (resolver) "netd for an app" else names.of(uid), uid)
    }

    private fun lookUp(connection: Connection): Int? {
        val ends = ends(connection)
        repeat(TRIES) { attempt ->
            if (attempt > 0) pause(PAUSE_MILLIS)
            ends.forEach { (local, remote) -> source.uid(connection.protocol, local, remote)?.let { return it } }
        }
        return null
    }

    // A UDP socket that was not connected has no remote end, and one that was not bound no local address.
    private fun ends(connection: Connection): List<Pair<InetSocketAddress, InetSocketAddress>> {
        val exact = connection.localEnd to connection.remoteEnd
        if (connection.protocol == Connection.TCP) return listOf(exact)
        val nobody = InetSocketAddress(connection.any, 0)
        return listOf(
            exact,
            connection.localEnd to nobody,
            InetSocketAddress(connection.any, connection.localPort) to connection.remoteEnd,
            InetSocketAddress(connection.any, connection.localPort) to nobody,
        )
    }

    private companion object {
        const val ROOT = 0
        const val DNS_PORT = 53
        const val TRIES = 3
        const val PAUSE_MILLIS = 20L
    }
}
