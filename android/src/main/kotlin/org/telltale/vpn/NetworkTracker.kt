package org.telltale.vpn

import java.net.InetAddress

/**
 * Which network lies below the tunnel. Pure bookkeeping over what the system tells of each network.
 *
 * @param N the system's network; a name in tests.
 */
class NetworkTracker<N : Any> {
    /** What is known of a network. A lower [rank] is preferred. */
    data class Link(val dns: List<InetAddress> = emptyList(), val rank: Int = UNKNOWN)

    /** The network in use and its DNS servers. */
    data class Below<N>(val network: N, val dns: List<InetAddress>)

    private val links = LinkedHashMap<N, Link>()

    /** The preferred network; of two alike the one that came last. Null when there is none. */
    val below: Below<N>?
        get() = links.entries.reversed().minByOrNull { it.value.rank }?.let { Below(it.key, it.value.dns) }

    /** [network] has come, or is [change]d. */
    fun update(network: N, change: (Link) -> Link) {
        links[network] = change(links[network] ?: Link())
    }

    /** [network] has gone. */
    fun lose(network: N) {
        links.remove(network)
    }

    companion object {
        const val ETHERNET = 0
        const val WIFI = 1
        const val CELLULAR = 2
        const val UNKNOWN = 3
    }
}
