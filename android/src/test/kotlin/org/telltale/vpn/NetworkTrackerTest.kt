package org.telltale.vpn

import java.net.InetAddress
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Test

class NetworkTrackerTest {
    private val tracker = NetworkTracker<String>()
    private val server = listOf(InetAddress.getByName("192.0.2.53"))

    @Test
    fun prefersWifiToMobileData() {
        assertNull(tracker.below)
        tracker.update("wifi") { it.copy(rank = NetworkTracker.WIFI, dns = server) }
        tracker.update("mobile") { it.copy(rank = NetworkTracker.CELLULAR) }
        assertEquals(NetworkTracker.Below("wifi", server), tracker.below)
        tracker.lose("wifi")
        assertEquals("mobile", tracker.below?.network)
        tracker.lose("mobile")
        assertNull(tracker.below)
    }

    @Test
    fun ofTwoAlikeTheLaterIsUsed() {
        tracker.update("home") { it.copy(rank = NetworkTracker.WIFI) }
        tracker.update("office") { it.copy(rank = NetworkTracker.WIFI) }
        assertEquals("office", tracker.below?.network)
    }
}
