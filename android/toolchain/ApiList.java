import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.zip.GZIPInputStream;

/**
 * The classes and members of a public API.
 *
 * <p>Names are those of class files ({@code android/net/VpnService}); a method is its name and descriptor
 * ({@code protect(I)Z}), a field its name, {@code #} and its descriptor.
 */
final class ApiList {
    /** A class: what it inherits from, and the members that it declares. */
    record Entry(String superclass, List<String> interfaces, Set<String> members) {}

    private final Map<String, Entry> entries = new HashMap<>();

    /** Reads a signature file of animal-sniffer: serialized objects of its class {@code Clazz}, the last one null. */
    static ApiList read(Path file) throws IOException {
        ApiList list = new ApiList();
        try (var in = new ObjectInputStream(new GZIPInputStream(new BufferedInputStream(Files.newInputStream(file))))) {
            for (Object clazz = in.readObject(); clazz != null; clazz = in.readObject()) {
                list.entries.put((String) field(clazz, "name"), entry(clazz));
            }
        } catch (ReflectiveOperationException problem) {
            throw new IOException(file + " is not of the animal-sniffer that it is read with", problem);
        }
        return list;
    }

    @SuppressWarnings("unchecked")
    private static Entry entry(Object clazz) throws ReflectiveOperationException {
        var interfaces = (String[]) field(clazz, "superInterfaces");
        var members = new HashSet<>((Set<String>) field(clazz, "signatures"));
        return new Entry((String) field(clazz, "superClass"), interfaces == null ? List.of() : List.of(interfaces), members);
    }

    /** The fields have no accessors. */
    private static Object field(Object of, String name) throws ReflectiveOperationException {
        Field field = of.getClass().getDeclaredField(name);
        field.setAccessible(true);
        return field.get(of);
    }

    /** Adds what each line names: {@code class member}, or a class alone. Lines with {@code //} are remarks. */
    void allow(List<String> lines) {
        for (String line : lines) {
            if (line.isBlank() || line.startsWith("//")) {
                continue;
            }
            String[] words = line.strip().split(" ");
            Entry entry = entries.computeIfAbsent(
                    words[0], name -> new Entry("java/lang/Object", List.of(), new HashSet<>()));
            if (words.length > 1) {
                entry.members().add(words[1]);
            }
        }
    }

    int size() {
        return entries.size();
    }

    boolean has(String name) {
        return entries.containsKey(name);
    }

    /** The class, or null. */
    Entry get(String name) {
        return entries.get(name);
    }

    /** Whether the class declares or inherits the member. */
    boolean has(String name, String member) {
        Entry entry = entries.get(name);
        if (entry == null) {
            return false;
        }
        List<String> above = new ArrayList<>(entry.interfaces());
        if (entry.superclass() != null) {
            above.add(entry.superclass());
        }
        return entry.members().contains(member) || above.stream().anyMatch(parent -> has(parent, member));
    }
}
