package org.telltale.session

import java.io.IOException
import java.time.Instant
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executor
import java.util.concurrent.TimeUnit
import org.telltale.engine.Engine
import org.telltale.engine.EngineConfig
import org.telltale.engine.EngineEvent
import org.telltale.engine.EngineFactory
import org.telltale.engine.EngineHost
import org.telltale.engine.Phase
import org.telltale.report.SessionFiles

/**
 * The session that runs, or ran last: `Idle → Preparing → Running → Finishing → Done` or `Failed`. Any thread may call it.
 *
 * @param background writes the reports, and waits for the engine's end.
 * @param deliver runs an action after so many milliseconds, where the listeners live.
 */
class Session(
    private val engines: () -> EngineFactory,
    private val background: Executor,
    private val deliver: (Long, () -> Unit) -> Unit,
    private val now: () -> Instant = Instant::now,
) {
    /** Told of what has changed, no more than four times a second. */
    fun interface Listener {
        fun onSession(view: SessionView)
    }

    private class Open(val engine: Engine, val files: SessionFiles, val config: EngineConfig, val ended: CountDownLatch)

    private val lock = Any()
    private val listeners = LinkedHashSet<Listener>()
    private var state: SessionState = SessionState.Idle
    private var sightings = Sightings()
    private var open: Open? = null
    private var hold: Hold? = null
    private var announced = false

    /** What there is to show now. */
    val view: SessionView get() = synchronized(lock) { sightings.view(state, open?.files?.name ?: name()).copy(hold = hold) }

    /** Begins to tell [listener], and tells it once at once. */
    fun add(listener: Listener) {
        synchronized(lock) { listeners += listener }
        listener.onSession(view)
    }

    /** No longer tells [listener]. */
    fun remove(listener: Listener) {
        synchronized(lock) { listeners -= listener }
    }

    /** Opens the engine for a new session in [files]. False when one runs already, or the engine failed. */
    fun prepare(files: SessionFiles, config: EngineConfig, host: EngineHost): Boolean {
        synchronized(lock) {
            if (open != null) return false
            sightings = Sightings()
            move(SessionState.Preparing)
            val ended = CountDownLatch(1)
            val engine = try {
                engines().open(config, host) { onEvent(ended, it) }
            } catch (broken: RuntimeException) {
                return refuse(broken.message, files.name)
            } catch (missing: LinkageError) {
                return refuse("the engine's library cannot be loaded", files.name)
            }
            open = Open(engine, files, config, ended)
            return true
        }
    }

    /**
     * Gives the engine the TUN whose descriptor [detach] takes from its owner; again after the tunnel was rebuilt. False, and
     * nothing detached, when the session is over.
     */
    fun attach(detach: () -> Int): Boolean = attempt { engine ->
        engine.attach(detach())
        if (state is SessionState.Preparing) move(SessionState.Running(Phase.STARTED, now()))
    }

    /** Says that the phone has entered [phase]; without effect when no session runs. */
    fun mark(phase: Phase): Boolean = attempt { engine ->
        engine.mark(phase)
        (state as? SessionState.Running)?.let { move(it.copy(phase = phase)) }
    }

    /** Notes how the system holds the tunnel. */
    fun cover(hold: Hold?) = synchronized(lock) {
        this.hold = hold
        announce(0)
    }

    /** Ends the session, and with [failure] says that it did not end well. The reports are written all the same. */
    fun stop(failure: Failure? = null, text: String? = null) {
        synchronized(lock) {
            val running = open
            if (running == null) {
                if (failure != null) move(SessionState.Failed(failure, text, null))
                return
            }
            if (state is SessionState.Finishing) return
            move(SessionState.Finishing)
            background.execute { finish(running, failure, text) }
        }
    }

    private fun refuse(text: String?, name: String): Boolean {
        move(SessionState.Failed(Failure.ENGINE, text, name))
        return false
    }

    private fun attempt(action: (Engine) -> Unit): Boolean = synchronized(lock) {
        val running = open ?: return false
        if (state is SessionState.Finishing) return false
        try {
            action(running.engine)
            true
        } catch (broken: RuntimeException) {
            stop(Failure.ENGINE, broken.message)
            false
        }
    }

    private fun onEvent(ended: CountDownLatch, event: EngineEvent) {
        synchronized(lock) {
            // A late event of a session before this one.
            if (open?.ended !== ended) return
            sightings.add(event)
            announce(THROTTLE_MILLIS)
        }
        if (event is EngineEvent.Ended) {
            ended.countDown()
            onEnded(event)
        }
    }

    private fun onEnded(event: EngineEvent.Ended) = when (event.why) {
        EngineEvent.End.STOPPED -> stop()
        EngineEvent.End.TUN_FAILED -> stop(Failure.TUNNEL, event.text)
        EngineEvent.End.PANICKED -> stop(Failure.ENGINE, event.text)
    }

    private fun finish(running: Open, failure: Failure?, text: String?) {
        val outcome = try {
            if (failure != Failure.ENGINE) {
                runCatching { running.engine.mark(Phase.STOPPED) }
                running.ended.await(END_SECONDS, TimeUnit.SECONDS)
            }
            Conclusion.write(running.engine, running.files, running.config.watch.isNotEmpty(), failure)
            over(failure, text, running.files.name)
        } catch (full: IOException) {
            SessionState.Failed(failure ?: Failure.STORAGE, text ?: full.message, running.files.name)
        } catch (broken: RuntimeException) {
            SessionState.Failed(failure ?: Failure.ENGINE, text ?: broken.message, running.files.name)
        } finally {
            // Closes the TUN: the phone is online again, whatever has happened.
            runCatching { running.engine.close() }
        }
        synchronized(lock) {
            open = null
            move(outcome)
        }
    }

    private fun over(failure: Failure?, text: String?, name: String): SessionState =
        if (failure == null) SessionState.Done(name) else SessionState.Failed(failure, text, name)

    private fun name(): String? = when (val last = state) {
        is SessionState.Done -> last.name
        is SessionState.Failed -> last.name
        else -> null
    }

    private fun move(next: SessionState) {
        state = next
        announce(0)
    }

    private fun announce(millis: Long) {
        if (millis > 0 && announced) return
        if (millis > 0) announced = true
        deliver(millis) {
            val told = synchronized(lock) {
                if (millis > 0) announced = false
                listeners.toList()
            }
            val view = view
            told.forEach { it.onSession(view) }
        }
    }

    private companion object {
        const val THROTTLE_MILLIS = 250L
        const val END_SECONDS = 15L
    }
}
