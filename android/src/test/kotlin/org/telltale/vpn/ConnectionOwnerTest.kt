package org.telltale.vpn

import java.io.File
import java.net.InetAddress
import java.net.InetSocketAddress
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

@RunWith(RobolectricTestRunner::class)
class ConnectionOwnerTest {
    @get:Rule val folder = TemporaryFolder()

    private val names = UidNames { PACKAGES[it].orEmpty() }
    private val pauses = ArrayList<Long>()

    private fun owner(source: UidSource) = ConnectionOwner(source, names) { pauses += it }

    private fun bytes(address: String) = InetAddress.getByName(address).address

    private fun end(address: String, port: Int) = InetSocketAddress(InetAddress.getByName(address), port)

    private fun udp(port: Int = 443) = Connection(Connection.UDP, bytes("10.215.173.2"), 40_000, bytes("9.9.9.9"), port)

    @Test
    fun namesApps() {
        assertEquals(ConnectionOwner.Owner("com.example.shop", 10_123), owner { _, _, _ -> 10_123 }.find(udp()))
    }

    @Test
    fun describesWhatIsNoApp() {
        assertEquals("UID 1000: one of android, com.a, com.b, com.c and 2 more", owner { _, _, _ -> 1000 }.find(udp())?.name)
        assertEquals("network_stack (UID 1073)", owner { _, _, _ -> 1073 }.find(udp())?.name)
        assertEquals("UID 10999", owner { _, _, _ -> 10_999 }.find(udp())?.name)
        assertEquals("root", owner { _, _, _ -> 0 }.find(udp())?.name)
    }

    @Test
    fun rootsNameQueriesAreForSomeApp() {
        assertEquals(ConnectionOwner.Owner("netd for an app", 0), owner { _, _, _ -> 0 }.find(udp(53)))
    }

    @Test
    fun asksAgainForUnconnectedUdp() {
        val asked = ArrayList<Pair<InetSocketAddress, InetSocketAddress>>()
        val found = owner { _, local, remote ->
            asked += local to remote
            if (remote.port == 0 && local.address.isAnyLocalAddress && asked.size > 4) 10_123 else null
        }.find(udp())
        assertEquals(10_123, found?.uid)
        assertEquals(
            listOf(
                end("10.215.173.2", 40_000) to end("9.9.9.9", 443),
                end("10.215.173.2", 40_000) to end("0.0.0.0", 0),
                end("0.0.0.0", 40_000) to end("9.9.9.9", 443),
                end("0.0.0.0", 40_000) to end("0.0.0.0", 0),
            ),
            asked.take(4),
        )
        assertEquals("one pause, before the second round", listOf(20L), pauses)
    }

    @Test
    fun givesUpWhatNobodyKnows() {
        assertNull(owner { _, _, _ -> null }.find(udp()))
        assertNull("ICMP has no socket", owner { _, _, _ -> 1 }.find(Connection(1, bytes("10.0.0.1"), 0, bytes("10.0.0.2"), 0)))
    }

    @Test
    fun keepsNamesButNotTheirAbsence() {
        var asked = 0
        var visible = emptyList<String>()
        val names = UidNames { asked++; visible }
        assertEquals("UID 10200", names.of(10_200))
        visible = listOf("com.late")
        assertEquals("com.late", names.of(10_200))
        assertEquals("com.late", names.of(10_200))
        assertEquals(2, asked)
    }

    @Test
    fun readsTheKernelsTables() {
        folder.newFile("tcp").writeText(TCP)
        folder.newFile("tcp6").writeText(TCP6)
        val tables = ProcNet(folder.root)
        assertEquals(10_123, tables.uid(Connection.TCP, end("10.215.173.2", 51_000), end("93.184.216.34", 443)))
        assertEquals("mapped", 10_087, tables.uid(Connection.TCP, end("10.215.173.2", 51_001), end("93.184.216.34", 80)))
        assertEquals(10_099, tables.uid(Connection.TCP, end("2001:db8::2", 51_002), end("2001:db8::1", 443)))
        assertNull(tables.uid(Connection.TCP, end("10.215.173.2", 51_003), end("93.184.216.34", 443)))
        assertNull("no table", ProcNet(File(folder.root, "none")).uid(Connection.UDP, end("10.0.0.1", 1), end("10.0.0.2", 2)))
    }

    @Test
    fun passesOverDamagedRows() {
        listOf("", "sl local_address", "0: XYZ:1 00000000:0000 0A 0:0 0:0 0 0 0", "0: 0100007F 00000000:0000 0A a b c 0 0").forEach {
            assertNull(it, ProcNetRow.parse(it))
        }
    }

    @Test
    fun answersTheEngineInJson() {
        val host = SocketProtector({ it == 5 }, owner { _, _, _ -> 10_123 })
        assertEquals(listOf(true, false), listOf(host.protect(5), host.protect(6)))
        val json = JSONObject(host.owner(17, bytes("10.0.0.1"), 1, bytes("9.9.9.9"), 443)!!)
        assertEquals("com.example.shop", json.getString("name"))
        assertEquals(10_123, json.getInt("uid"))
        assertNull(SocketProtector({ true }, owner { _, _, _ -> null }).owner(6, bytes("10.0.0.1"), 1, bytes("9.9.9.9"), 443))
    }

    private companion object {
        val PACKAGES = mapOf(
            10_123 to listOf("com.example.shop"),
            1000 to listOf("android", "com.a", "com.b", "com.c", "com.d", "com.e"),
        )
        const val HEADING = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

        // 10.215.173.2:51000 to 93.184.216.34:443
        const val TCP = HEADING +
            "   0: 02ADD70A:C738 22D8B85D:01BB 01 00000000:00000000 00:00000000 00000000 10123        0 27183 1 0 100 0 0 10 0\n"

        // ::ffff:10.215.173.2:51001 to ::ffff:93.184.216.34:80, and 2001:db8::2 to 2001:db8::1
        const val TCP6 = HEADING +
            "   0: 0000000000000000FFFF000002ADD70A:C739 0000000000000000FFFF000022D8B85D:0050 01 00000000:00000000 00:00000000 00000000 10087 0 2\n" +
            "   1: B80D0120000000000000000002000000:C73A B80D0120000000000000000001000000:01BB 01 00000000:00000000 00:00000000 00000000 10099 0 3\n"
    }
}
