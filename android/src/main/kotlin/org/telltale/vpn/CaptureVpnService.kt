package org.telltale.vpn

import android.content.Intent
import android.content.pm.ServiceInfo
import android.net.VpnService
import android.os.Build
import java.io.IOException
import java.time.Instant
import org.telltale.SdkGuarded
import org.telltale.TelltaleApp
import org.telltale.engine.EngineConfig
import org.telltale.engine.Phase
import org.telltale.report.SessionFiles
import org.telltale.report.SessionStore
import org.telltale.report.Summary
import org.telltale.session.Failure
import org.telltale.session.Hold
import org.telltale.session.PhaseReceiver
import org.telltale.session.Session
import org.telltale.session.SessionView
import org.telltale.session.Settings
import org.telltale.session.SetupObserver
import org.telltale.session.Watch
import org.telltale.session.WatchedValues

/** Makes the tunnel and hands it to the session; tells the session what the phone is doing. All on the main thread. */
class CaptureVpnService : VpnService(), Session.Listener {
    private val session: Session get() = (application as TelltaleApp).session
    private val notices by lazy { Notices(this) }
    private val enter: (Phase) -> Unit = { session.mark(it) }
    private val phases = PhaseReceiver(enter)
    private val setup by lazy { SetupObserver(contentResolver, enter) }
    private val networks by lazy { NetworkFollower(this, enter, ::follow) }
    private var begun = false

    /** Any start is a start: the screen's, the system's for an always-on VPN, the one after the process was killed. */
    override fun onStartCommand(intent: Intent?, flags: Int, startId: Int): Int {
        showForeground()
        if (intent?.action == STOP) {
            if (session.view.active) session.stop() else stopSelf()
            return START_NOT_STICKY
        }
        if (!begun) begin()
        Watch.phase(intent)?.let(enter)
        return START_STICKY
    }

    /** The tunnel is gone: another VPN has it, or the user has switched it off. What was seen is kept. */
    override fun onRevoke() = session.stop(Failure.REVOKED)

    override fun onDestroy() {
        if (begun) session.stop()
        end()
        super.onDestroy()
    }

    override fun onSession(view: SessionView) {
        if (!begun) return
        if (view.active) return notices.update(view)
        notices.over(view.state)
        end()
        stopForeground(STOP_FOREGROUND_REMOVE)
        stopSelf()
    }

    private fun begin() {
        if (prepare(this) != null) return refuse(Failure.CONSENT)
        val files = createFiles() ?: return refuse(Failure.STORAGE)
        val host = SocketProtector(::protect, ConnectionOwner(uidSource(this), UidNames(packageManager)))
        begun = true
        if (session.prepare(files, config(files), host)) watch()
        session.add(this)
    }

    private fun watch() {
        if (!build(networks.current())) return
        session.cover(hold())
        phases.register(this)
        setup.register()
        networks.register()
    }

    private fun refuse(failure: Failure) {
        session.stop(failure)
        notices.over(session.view.state)
        stopForeground(STOP_FOREGROUND_REMOVE)
        stopSelf()
    }

    private fun createFiles(): SessionFiles? = try {
        SessionStore(this).apply { trim() }.create(Instant.now()).apply { write(Summary()) }
    } catch (full: IOException) {
        null
    }

    private fun config(files: SessionFiles): EngineConfig {
        val settings = Settings(this)
        val drill = settings.drill
        settings.drill = false
        val source = "${files.name}.pcapng"
        return EngineConfig(source, settings.home, WatchedValues(this).get(), TunConfig.MTU, files.recording.absolutePath, drill)
    }

    /** A new tunnel takes the old one's place without a gap: the system keeps the old until the new is there. */
    private fun build(config: TunConfig): Boolean {
        val tun = try {
            config.applyTo(Builder(), packageName).establish()
        } catch (broken: RuntimeException) {
            session.stop(Failure.TUNNEL, broken.message)
            return false
        }
        // Closed here if the session is over: a tunnel that nobody reads would keep the phone offline.
        if (tun == null) session.stop(Failure.CONSENT)
        return tun?.use { session.attach(it::detachFd) } ?: false
    }

    private fun follow(config: TunConfig, newServers: Boolean) {
        setUnderlyingNetworks(config.network?.let { arrayOf(it) })
        if (newServers) build(config)
    }

    private fun end() {
        if (!begun) return
        begun = false
        session.remove(this)
        networks.unregister()
        setup.unregister()
        runCatching { unregisterReceiver(phases) }
    }

    @SdkGuarded
    private fun hold(): Hold? = if (Build.VERSION.SDK_INT >= 29) Hold(isAlwaysOn, isLockdownEnabled) else null

    @SdkGuarded
    private fun showForeground() = try {
        val notice = notices.watching(session.view)
        if (Build.VERSION.SDK_INT >= 34) {
            startForeground(Notices.WATCHING_ID, notice, ServiceInfo.FOREGROUND_SERVICE_TYPE_SPECIAL_USE)
        } else {
            startForeground(Notices.WATCHING_ID, notice)
        }
    } catch (barred: IllegalStateException) {
        // Started where no foreground service may begin; the system keeps an active VPN alive all the same.
    }

    companion object {
        /** The action that ends the session. */
        const val STOP = "org.telltale.STOP"
    }
}
