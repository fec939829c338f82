package org.telltale.vpn

import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.Network
import android.net.NetworkCapabilities
import java.net.InetAddress
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowNetwork
import org.robolectric.shadows.ShadowNetworkCapabilities
import org.telltale.app
import org.telltale.engine.Phase

@RunWith(RobolectricTestRunner::class)
class NetworkFollowerTest {
    private val entered = ArrayList<Phase>()
    private val changes = ArrayList<Pair<TunConfig, Boolean>>()
    private val follower = NetworkFollower(app, { entered += it }) { config, servers -> changes += config to servers }
    private val connectivity = app.getSystemService(ConnectivityManager::class.java)

    private fun server(last: Int) = InetAddress.getByName("192.0.2.$last")

    private fun capabilities(transport: Int) = ShadowNetworkCapabilities.newInstance().also { shadowOf(it).addTransportType(transport) }

    private fun come(network: Network, transport: Int, dns: Int) {
        follower.onAvailable(network)
        follower.onCapabilitiesChanged(network, capabilities(transport))
        follower.onLinkPropertiesChanged(network, link(dns))
    }

    private fun link(dns: Int) = LinkProperties().apply { setDnsServers(listOf(server(dns))) }

    @Test
    fun followsTheNetworkInUse() {
        come(WIFI, NetworkCapabilities.TRANSPORT_WIFI, 1)
        come(MOBILE, NetworkCapabilities.TRANSPORT_CELLULAR, 2)
        assertEquals(listOf(TunConfig(listOf(server(1)), WIFI) to true), changes)
        follower.onLost(WIFI)
        assertEquals(TunConfig(listOf(server(2)), MOBILE) to true, changes.last())
        follower.onLost(MOBILE)
        assertEquals("without a network the tunnel stays", 2, changes.size)
        assertEquals(listOf(Phase.NETWORK_UP, Phase.NETWORK_UP, Phase.NETWORK_DOWN), entered)
    }

    @Test
    fun theSameServersNeedNoNewTunnel() {
        come(WIFI, NetworkCapabilities.TRANSPORT_WIFI, 1)
        come(MOBILE, NetworkCapabilities.TRANSPORT_CELLULAR, 1)
        follower.onLost(WIFI)
        assertEquals(listOf(true, false), changes.map { it.second })
    }

    @Test
    fun whatWasThereIsNoNews() {
        shadowOf(connectivity).setNetworkCapabilities(connectivity.activeNetwork, capabilities(NetworkCapabilities.TRANSPORT_WIFI))
        shadowOf(connectivity).setLinkProperties(connectivity.activeNetwork, link(1))
        assertEquals(listOf(server(1)), follower.current().dns)
        come(connectivity.activeNetwork!!, NetworkCapabilities.TRANSPORT_WIFI, 1)
        assertEquals(emptyList<Phase>(), entered)
        assertEquals(emptyList<Any>(), changes)
    }

    @Test
    fun ourOwnTunnelIsNotBelowItself() {
        shadowOf(connectivity).setNetworkCapabilities(connectivity.activeNetwork, capabilities(NetworkCapabilities.TRANSPORT_VPN))
        assertEquals(TunConfig(), follower.current())
    }

    @Test
    fun listensOnlyWhileRegistered() {
        follower.register()
        assertTrue(follower in shadowOf(connectivity).networkCallbacks)
        follower.unregister()
        follower.unregister()
        assertTrue(follower !in shadowOf(connectivity).networkCallbacks)
    }

    private companion object {
        val WIFI: Network = ShadowNetwork.newInstance(201)
        val MOBILE: Network = ShadowNetwork.newInstance(202)
    }
}
