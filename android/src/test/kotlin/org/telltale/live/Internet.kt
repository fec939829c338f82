package org.telltale.live

import com.sun.net.httpserver.HttpServer
import java.net.DatagramPacket
import java.net.DatagramSocket
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.ServerSocket
import java.net.SocketException
import java.util.concurrent.Executors
import kotlin.concurrent.thread

/** A stand-in for the internet, in the network namespace of this process: web servers good and bad, and name servers. */
internal class Internet : AutoCloseable {
    private val pool = Executors.newCachedThreadPool()
    private val closers = ArrayList<() -> Unit>()

    init {
        shell("ip", "link", "set", "lo", "up")
        for (address in listOf(WEB, DNS, SILENT_DNS, RESETTING)) shell("ip", "address", "replace", "$address/32", "dev", "lo")
        shell("ip", "address", "replace", "$WEB_6/128", "dev", "lo", "nodad")
        serveWeb(WEB)
        serveWeb(WEB_6)
        serveNames()
        serveResets()
        val silent = DatagramSocket(InetSocketAddress(SILENT_DNS, 53))
        closers += silent::close
    }

    override fun close() {
        closers.forEach { it() }
        pool.shutdownNow()
    }

    private fun serveWeb(address: String) {
        val server = HttpServer.create(InetSocketAddress(address, 80), 1024)
        server.executor = pool
        server.createContext("/") { exchange ->
            exchange.requestBody.readAllBytes()
            val body = "received".toByteArray()
            exchange.sendResponseHeaders(200, body.size.toLong())
            exchange.responseBody.use { it.write(body) }
        }
        server.start()
        closers += { server.stop(0) }
    }

    /** Takes each connection, lets the client send, and resets it. */
    private fun serveResets() {
        val socket = ServerSocket()
        socket.bind(InetSocketAddress(RESETTING, 80))
        closers += socket::close
        thread(isDaemon = true, name = "resets") {
            try {
                while (true) {
                    socket.accept().use { connection ->
                        connection.getInputStream().read()
                        // Closed without lingering, a socket resets its connection (socket(7)).
                        connection.setSoLinger(true, 0)
                    }
                }
            } catch (closed: SocketException) {
                // The test is over.
            }
        }
    }

    /** Every name has the web server's address. */
    private fun serveNames() {
        val socket = DatagramSocket(InetSocketAddress(DNS, 53))
        closers += socket::close
        thread(isDaemon = true, name = "names") {
            val packet = DatagramPacket(ByteArray(512), 512)
            try {
                while (true) {
                    packet.length = 512
                    socket.receive(packet)
                    val answer = answer(packet.data.copyOf(packet.length))
                    socket.send(DatagramPacket(answer, answer.size, packet.socketAddress))
                }
            } catch (closed: SocketException) {
                // The test is over.
            }
        }
    }

    /** RFC 1035, section 4.1: the question again, and one record of type A that points at it. */
    private fun answer(query: ByteArray): ByteArray {
        val end = 12 + query.drop(12).indexOf(0) + 5
        val header = query.copyOf(2) + byteArrayOf(0x81.toByte(), 0x80.toByte(), 0, 1, 0, 1, 0, 0, 0, 0)
        val record = byteArrayOf(0xc0.toByte(), 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4) + InetAddress.getByName(WEB).address
        return header + query.copyOfRange(12, end) + record
    }

    companion object {
        const val WEB = "203.0.113.10"
        const val WEB_6 = "2001:db8::10"
        const val RESETTING = "203.0.113.66"
        const val DNS = "192.0.2.53"
        const val SILENT_DNS = "192.0.2.54"

        /** An address that nothing leads to. */
        const val NOWHERE = "198.51.100.1"
    }
}
