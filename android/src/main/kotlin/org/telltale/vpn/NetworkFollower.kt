package org.telltale.vpn

import android.content.Context
import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.Network
import android.net.NetworkCapabilities
import android.net.NetworkRequest
import android.os.Handler
import android.os.Looper
import org.telltale.engine.Phase

/**
 * Follows the networks below the tunnel, on the main thread.
 *
 * @param enter told when the phone gets its first network, and loses its last.
 * @param changed told when another network is in use, and true when its DNS servers are others too.
 */
class NetworkFollower(
    context: Context,
    private val enter: (Phase) -> Unit,
    private val changed: (TunConfig, Boolean) -> Unit,
) : ConnectivityManager.NetworkCallback() {
    private val connectivity = context.getSystemService(ConnectivityManager::class.java)
    private val tracker = NetworkTracker<Network>()
    private var told = TunConfig()

    /** The tunnel that suits the network which is there now, before anything was told. */
    fun current(): TunConfig {
        val network = connectivity.activeNetwork ?: return told
        // Once a tunnel is up it is the active network itself, and its servers are what it was given.
        val vpn = connectivity.getNetworkCapabilities(network)?.hasTransport(NetworkCapabilities.TRANSPORT_VPN) ?: false
        if (vpn) return told
        told = TunConfig(connectivity.getLinkProperties(network)?.dnsServers.orEmpty(), network)
        // Known, so that being told of it is no change.
        tracker.update(network) { it.copy(dns = told.dns) }
        return told
    }

    /** Begins to follow. */
    fun register() {
        // A request's default capabilities leave VPNs out, our own with them.
        val request = NetworkRequest.Builder().addCapability(NetworkCapabilities.NET_CAPABILITY_INTERNET).build()
        connectivity.registerNetworkCallback(request, this, Handler(Looper.getMainLooper()))
    }

    /** No longer follows. */
    fun unregister() = try {
        connectivity.unregisterNetworkCallback(this)
    } catch (unknown: IllegalArgumentException) {
        // It was never registered: the session ended as it began.
    }

    override fun onAvailable(network: Network) = update(network) { it }

    override fun onCapabilitiesChanged(network: Network, capabilities: NetworkCapabilities) =
        update(network) { it.copy(rank = rank(capabilities)) }

    override fun onLinkPropertiesChanged(network: Network, properties: LinkProperties) =
        update(network) { it.copy(dns = properties.dnsServers) }

    override fun onLost(network: Network) = track { tracker.lose(network) }

    private fun update(network: Network, change: (NetworkTracker.Link) -> NetworkTracker.Link) = track { tracker.update(network, change) }

    private fun track(step: () -> Unit) {
        val before = tracker.below
        step()
        val now = tracker.below
        if (before?.network != now?.network) enter(if (now == null) Phase.NETWORK_DOWN else Phase.NETWORK_UP)
        // Without a network the tunnel stays as it is: the next one may be the same.
        if (now == null || now.dns.isEmpty()) return
        val config = TunConfig(now.dns, now.network)
        if (config == told) return
        val newServers = config.dns != told.dns
        told = config
        changed(config, newServers)
    }

    private fun rank(capabilities: NetworkCapabilities): Int = when {
        capabilities.hasTransport(NetworkCapabilities.TRANSPORT_ETHERNET) -> NetworkTracker.ETHERNET
        capabilities.hasTransport(NetworkCapabilities.TRANSPORT_WIFI) -> NetworkTracker.WIFI
        capabilities.hasTransport(NetworkCapabilities.TRANSPORT_CELLULAR) -> NetworkTracker.CELLULAR
        else -> NetworkTracker.UNKNOWN
    }
}
